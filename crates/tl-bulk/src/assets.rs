//! Assets of files that were uploaded before, for programs that need an asset and no run: a file is
//! not sent again if the ledger knows its bytes.

use std::path::{Path, PathBuf};

use tl_ledger::{
    AccountId, ContentId, FileStat, Fingerprint, Ledger, NewAccount, NewContent, NewItem, NewRun,
    RunId,
};

use crate::store::Store;
use crate::{content, uri};

/// The assets of an account.
///
/// ```no_run
/// # async fn example(account: tl_ledger::NewAccount) -> Result<(), Box<dyn std::error::Error>> {
/// use tl_bulk::Assets;
/// use tl_ledger::{Ledger, NewRun};
///
/// let ledger = Ledger::open("ledger.sqlite3")?;
/// let assets = Assets::open(ledger, account, NewRun::new("host", 1)).await?;
/// if let Some(file) = assets.look("match.mp4".as_ref()).await? {
///     match &file.asset_id {
///         // Ask the platform whether it is still there.
///         Some(id) => println!("{id}"),
///         None => {
///             let id = "6298d673f1090f1100476d4c"; // what the upload has returned
///             assets.record(file, id).await?;
///         }
///     }
/// }
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Assets {
    store: Store,
    account: AccountId,
    run: RunId,
}

/// A file, and what the ledger knows of it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct KnownFile {
    /// The newest asset with the same bytes. It may have been deleted since.
    pub asset_id: Option<String>,
    path: PathBuf,
    /// `None` if the file has no URI.
    uri: Option<String>,
    stat: FileStat,
    fingerprint: Fingerprint,
}

impl Assets {
    /// Opens the assets of an account. The plan of an account that is known stays.
    ///
    /// # Errors
    /// The ledger cannot be used.
    pub async fn open(ledger: Ledger, account: NewAccount, run: NewRun) -> tl_ledger::Result<Self> {
        let store = Store::new(ledger);
        let opened = store.call(move |ledger, now| {
            let key_tag = account.key_tag.to_string();
            let known = ledger.accounts()?.into_iter();
            let known = known
                .filter(|known| known.base_url == account.base_url && known.key_tag == key_tag)
                .map(|known| known.id)
                .next();
            let id = match known {
                Some(id) => id,
                None => ledger.account(now, &account)?,
            };
            Ok((id, ledger.begin_run(now, &run)?))
        });
        let (account, run) = opened.await?;
        Ok(Self {
            store,
            account,
            run,
        })
    }

    /// Looks up a file. Its samples are read, and all of it if only that can tell whether its bytes
    /// are known. `None` if it cannot be read: the upload says why.
    ///
    /// # Errors
    /// The ledger cannot be used.
    pub async fn look(&self, path: &Path) -> tl_ledger::Result<Option<KnownFile>> {
        let account = self.account;
        let read_samples = read(path, |path| {
            let stat = content::stat(&path.metadata()?);
            Ok((stat, content::fingerprint(path)?))
        });
        let Some((stat, mut fingerprint)) = read_samples.await else {
            return Ok(None);
        };
        let uri = uri::of_file(path);
        let by_path = uri.clone();
        let found = self.store.call(move |ledger, _| {
            let path = by_path.as_deref().map(|uri| (uri, stat));
            let known = ledger.known(path.as_slice())?.into_iter().flatten().next();
            let content = match known {
                Some(content) => Some(content),
                None => ledger.content_of(&fingerprint)?,
            };
            let must_read = content.is_none() && ledger.has_samples(&fingerprint)?;
            Ok((asset_of(ledger, account, content)?, must_read))
        });
        let (mut asset_id, must_read) = found.await?;
        if must_read && fingerprint.full.is_none() {
            let Some(full) = read(path, content::hash).await else {
                return Ok(None);
            };
            fingerprint = fingerprint.with_full(full);
            let found = self.store.call(move |ledger, _| {
                let content = ledger.content_of(&fingerprint)?;
                asset_of(ledger, account, content)
            });
            asset_id = found.await?;
        }
        Ok(Some(KnownFile {
            asset_id,
            path: path.to_owned(),
            uri,
            stat,
            fingerprint,
        }))
    }

    /// Records the asset of a file that was uploaded after it was looked up. A file that has changed
    /// since is not recorded.
    ///
    /// # Errors
    /// The ledger cannot be used.
    pub async fn record(&self, file: KnownFile, asset_id: &str) -> tl_ledger::Result<()> {
        let stat = read(&file.path, |path| Ok(content::stat(&path.metadata()?))).await;
        let Some((uri, stat)) = file.uri.zip(stat.filter(|stat| *stat == file.stat)) else {
            return Ok(());
        };
        let name = file.path.file_name().unwrap_or_default();
        let content = NewContent::Read(file.fingerprint);
        let item = NewItem::new(uri, stat, content, "").with_name(name.to_string_lossy());
        let (account, run, asset_id) = (self.account, self.run, asset_id.to_owned());
        self.store
            .call(move |ledger, now| ledger.record_asset(now, run, account, &item, &asset_id))
            .await
            .map(drop)
    }
}

fn asset_of(
    ledger: &mut Ledger,
    account: AccountId,
    content: Option<ContentId>,
) -> tl_ledger::Result<Option<String>> {
    content.map_or(Ok(None), |content| ledger.asset_of(account, content))
}

/// Reads a file on a thread for blocking work.
async fn read<T: Send + 'static>(
    path: &Path,
    read: impl FnOnce(&Path) -> std::io::Result<T> + Send + 'static,
) -> Option<T> {
    let path = path.to_owned();
    let result = tokio::task::spawn_blocking(move || read(&path)).await;
    result.ok()?.ok()
}
