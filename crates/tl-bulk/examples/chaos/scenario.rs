//! What is injected.

/// A kind of trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scenario {
    /// `kill -9` at an exact exchange: before it is processed, after it without an answer, or after
    /// the answer.
    KillAtExchange,
    /// `kill -9` at random times.
    KillAtRandom,
    /// SIGTERM at a random time.
    Terminate,
    /// The disk of the ledger is full.
    FullDisk,
    /// 256 file descriptors.
    FewFiles,
    /// The clock jumps an hour forward or back, between runs and during one.
    ClockMoved,
    /// Lists show a change after 30 s.
    ListLag,
    /// Another program uses the key.
    ForeignUse,
    /// Responses are lost, doubled, delayed or replaced by errors.
    Faults,
    /// The PostgreSQL server restarts.
    PostgresRestarted,
    /// Three workers on one ledger, one killed.
    WorkerKilled,
    /// Webhooks are received, lost and doubled, and a process is killed.
    Webhooks,
}

impl Scenario {
    pub(crate) const ALL: [Self; 12] = [
        Self::KillAtExchange,
        Self::KillAtRandom,
        Self::Terminate,
        Self::FullDisk,
        Self::FewFiles,
        Self::ClockMoved,
        Self::ListLag,
        Self::ForeignUse,
        Self::Faults,
        Self::PostgresRestarted,
        Self::WorkerKilled,
        Self::Webhooks,
    ];

    /// The scenario of a round: each in turn, and killing at an exchange every second time, because
    /// it has the most cases.
    pub(crate) fn of_seed(seed: u64) -> Self {
        if seed.is_multiple_of(2) {
            return Self::KillAtExchange;
        }
        let count = Self::ALL.len() as u64 - 1;
        Self::ALL[1 + usize::try_from(seed / 2 % count).unwrap()]
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::KillAtExchange => "kill-at-exchange",
            Self::KillAtRandom => "kill-at-random",
            Self::Terminate => "terminate",
            Self::FullDisk => "full-disk",
            Self::FewFiles => "few-files",
            Self::ClockMoved => "clock-moved",
            Self::ListLag => "list-lag",
            Self::ForeignUse => "foreign-use",
            Self::Faults => "faults",
            Self::PostgresRestarted => "postgres-restarted",
            Self::WorkerKilled => "worker-killed",
            Self::Webhooks => "webhooks",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.name() == name)
    }

    /// Whether the ledger is in PostgreSQL.
    pub(crate) fn needs_postgres(self) -> bool {
        matches!(self, Self::PostgresRestarted | Self::WorkerKilled)
    }
}
