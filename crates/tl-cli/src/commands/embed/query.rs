//! `tl embed query`: searches saved embeddings without the platform.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use tl_model::{EmbeddingOrigin, EmbeddingRow, Embeddings, ModelName};
use tl_protocol::embed::{EmbedRequest, EmbedRules, Neighbor, fuse, nearest};

use super::model::build;
use super::save;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::text::path_name::path_name;
use crate::ui::table;

/// `tl embed query`.
#[derive(Debug, Args)]
#[command(after_help = "\
The text is embedded by the platform, once for each model; with --vector, nothing is sent. Every row is \
compared by the cosine. With --fuse, the rankings of the files and of their options are joined by \
reciprocal rank fusion.")]
pub(crate) struct Query {
    /// A file of `tl embed`: .npy or .jsonl
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The text to search for
    #[arg(value_name = "TEXT", required_unless_present = "vector")]
    text: Option<String>,
    /// Search in this file too. Repeatable
    #[arg(long = "and", value_name = "FILE")]
    more: Vec<PathBuf>,
    /// Use the first vector of this .npy or .jsonl file as the query
    #[arg(long, value_name = "FILE", conflicts_with = "text")]
    vector: Option<PathBuf>,
    /// Return the nearest K rows
    #[arg(short, long = "top", value_name = "K", default_value_t = 10)]
    k: usize,
    /// Search only these rows: visual, audio, transcription, fused. Repeatable
    #[arg(long, value_name = "OPTION", value_delimiter = ',')]
    on: Vec<String>,
    /// Search only rows of this scope: clip, asset
    #[arg(long, value_name = "SCOPE")]
    scope: Option<String>,
    /// Join the rankings of the files and options
    #[arg(long)]
    fuse: bool,
    /// The model of a file that does not say it
    #[arg(long, value_name = "NAME")]
    model: Option<ModelName>,
}

/// A row that was found.
#[derive(Debug, Serialize)]
struct Found {
    rank: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    cosine: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<f64>,
    file: String,
    row: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    option: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    start: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<f64>,
}

/// A matrix with its file and its model.
struct Searched {
    name: String,
    matrix: Embeddings,
    model: Option<ModelName>,
}

impl Query {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let paths = std::iter::once(&self.file).chain(&self.more);
        let searched: Vec<_> = paths
            .map(|path| self.open(path))
            .collect::<Result<_, _>>()?;
        if !self.fuse {
            check_comparable(&searched)?;
        }
        let queries = match &self.vector {
            Some(path) => {
                let given = save::read(path)?;
                if given.is_empty() {
                    return Err(Failure::usage(format!(
                        "`{}` has no vector",
                        path_name(path)
                    )));
                }
                for one in &searched {
                    check_models(&given, one)?;
                }
                vec![given.vector(0).to_vec(); searched.len()]
            }
            None => self.embed(context, &searched)?,
        };
        let found = match self.fuse {
            true => self.fused(&searched, &queries)?,
            false => self.ranked(&searched, &queries)?,
        };
        context.output.json(&found);
        if found.is_empty() {
            context.output.note("no rows");
        }
        show(context, &found, searched.len() > 1);
        Ok(Exit::Ok)
    }

    fn open(&self, path: &Path) -> Result<Searched, Failure> {
        let matrix = save::read(path)?;
        let model = matrix.model().cloned().or_else(|| self.model.clone());
        let matrix = matrix.filter(|row| {
            let option = row.option.as_deref().unwrap_or_default();
            (self.on.is_empty() || self.on.iter().any(|on| on == option))
                && (self.scope.is_none() || row.scope == self.scope)
        });
        Ok(Searched {
            name: path_name(path),
            matrix,
            model,
        })
    }

    /// The vector of the text for each matrix. Each model and dimension is requested once.
    fn embed(&self, context: &Context, searched: &[Searched]) -> Result<Vec<Vec<f32>>, Failure> {
        let text = self.text.as_deref().unwrap_or_default();
        let requests = searched.iter().map(|one| {
            let model = one.model.clone().ok_or_else(|| {
                Failure::usage(format!("the model of `{}` is not known", one.name))
                    .hint("pass --model, or keep the .jsonl file beside the .npy file")
            })?;
            let rules = EmbedRules::of(&model);
            let request = EmbedRequest::new(model).text(text);
            // A vector that is shorter than the full one has to be asked for.
            let dimension = u32::try_from(one.matrix.dimension()).ok();
            let dimension = dimension.filter(|dimension| {
                rules.is_some_and(|rules| rules.dimensions.contains(dimension))
            });
            let request = request.dimension(dimension);
            build(&request, false)?;
            Ok(request)
        });
        let requests: Vec<EmbedRequest> = requests.collect::<Result<_, Failure>>()?;
        context.call(async |client| {
            let mut known: Vec<(EmbedRequest, Vec<f32>)> = Vec::new();
            let mut vectors = Vec::new();
            for request in requests {
                let found = known.iter().find(|(other, _)| *other == request);
                let vector = match found {
                    Some((_, vector)) => vector.clone(),
                    None => {
                        let call = client.embed(request.model().clone());
                        let result = call.with_request(request.clone()).run().await?;
                        if result.data.is_empty() {
                            return Err(Failure::new(
                                Exit::Refused,
                                "no_embeddings",
                                "the platform returned no vector for the text",
                            ));
                        }
                        let vector = result.data.vector(0).to_vec();
                        known.push((request, vector.clone()));
                        vector
                    }
                };
                vectors.push(vector);
            }
            Ok(vectors)
        })
    }

    /// The nearest rows of all files, by the cosine.
    fn ranked(&self, searched: &[Searched], queries: &[Vec<f32>]) -> Result<Vec<Found>, Failure> {
        let mut all = Vec::new();
        for (one, query) in searched.iter().zip(queries) {
            let near = search(one, query, self.k)?;
            all.extend(near.into_iter().map(|near| (one, near)));
        }
        // The sort is stable.
        all.sort_by(|(_, a), (_, b)| b.cosine.total_cmp(&a.cosine));
        all.truncate(self.k);
        let found = all.into_iter().enumerate().map(|(at, (one, near))| {
            let mut found = describe(one, near.row, at + 1);
            found.cosine = Some(near.cosine);
            found
        });
        Ok(found.collect())
    }

    /// The best segments by reciprocal rank fusion over the files and their options.
    fn fused(&self, searched: &[Searched], queries: &[Vec<f32>]) -> Result<Vec<Found>, Failure> {
        let mut rankings = Vec::new();
        for (at, (one, query)) in searched.iter().zip(queries).enumerate() {
            let near = search(one, query, one.matrix.len())?;
            let mut by_option: Vec<(Option<&str>, Vec<Item<'_>>)> = Vec::new();
            for near in near {
                let row = &one.matrix.rows()[near.row];
                let option = row.option.as_deref();
                let item = Item {
                    at,
                    row: near.row,
                    of: row,
                };
                match by_option.iter_mut().find(|(known, _)| *known == option) {
                    Some((_, ranking)) => ranking.push(item),
                    None => by_option.push((option, vec![item])),
                }
            }
            rankings.extend(by_option.into_iter().map(|(_, ranking)| ranking));
        }
        let fused = fuse(rankings).into_iter().take(self.k);
        let found = fused.enumerate().map(|(rank, (item, score))| {
            let mut found = describe(&searched[item.at], item.row, rank + 1);
            // The segment was found by several options.
            found.option = None;
            found.score = Some(score);
            found
        });
        Ok(found.collect())
    }
}

/// A row in a fusion. Rows are equal if they are about the same segment of the same source.
struct Item<'r> {
    at: usize,
    row: usize,
    of: &'r EmbeddingRow,
}

impl PartialEq for Item<'_> {
    fn eq(&self, other: &Self) -> bool {
        let source = |row: &EmbeddingRow| row.origin.as_deref().and_then(source);
        match (source(self.of), source(other.of)) {
            (Some(one), Some(two)) => {
                one == two
                    && self.of.scope == other.of.scope
                    && self.of.start == other.of.start
                    && self.of.end == other.of.end
            }
            // Nothing is known about the rows.
            _ => (self.at, self.row) == (other.at, other.row),
        }
    }
}

/// What a row is of: the asset, the video, or the input.
fn source(origin: &EmbeddingOrigin) -> Option<String> {
    let asset = origin.asset.as_ref().map(ToString::to_string);
    let video = origin.video.as_ref().map(ToString::to_string);
    asset.or(video).or_else(|| origin.input.clone())
}

fn search(one: &Searched, query: &[f32], k: usize) -> Result<Vec<Neighbor>, Failure> {
    nearest(&one.matrix, query, k).map_err(|mismatch| {
        Failure::usage(format!("cannot search in `{}`: {mismatch}", one.name))
            .hint("use a query of the same model and dimension")
    })
}

/// Cosines of different models cannot be compared.
fn check_comparable(searched: &[Searched]) -> Result<(), Failure> {
    if let [first, rest @ ..] = searched
        && let Some(other) = rest.iter().find(|other| other.model != first.model)
    {
        return Err(Failure::usage(format!(
            "the cosines of `{}` and `{}` cannot be compared: their models differ",
            first.name, other.name
        ))
        .hint("pass --fuse to join the rankings instead"));
    }
    Ok(())
}

/// Vectors of different models cannot be compared.
fn check_models(given: &Embeddings, one: &Searched) -> Result<(), Failure> {
    match (given.model(), &one.model) {
        (Some(query), Some(model)) if query != model => Err(Failure::usage(format!(
            "the query is of {query}, and `{}` of {model}",
            one.name
        ))
        .hint("use a query of the same model")),
        _ => Ok(()),
    }
}

fn describe(one: &Searched, at: usize, rank: usize) -> Found {
    let row = &one.matrix.rows()[at];
    Found {
        rank,
        cosine: None,
        score: None,
        file: one.name.clone(),
        row: at,
        source: row.origin.as_deref().and_then(source),
        option: row.option.clone(),
        scope: row.scope.clone(),
        start: row.start,
        end: row.end,
    }
}

fn show(context: &Context, found: &[Found], has_files: bool) {
    if found.is_empty() {
        return;
    }
    let seconds = |time: Option<f64>| time.map_or_else(String::new, |time| format!("{time:.3}"));
    let rows: Vec<[String; 7]> = found
        .iter()
        .map(|found| {
            let score = found
                .cosine
                .map(f64::from)
                .or(found.score)
                .unwrap_or_default();
            let source = found
                .source
                .clone()
                .unwrap_or_else(|| format!("row {}", found.row));
            [
                found.rank.to_string(),
                format!("{score:.4}"),
                seconds(found.start),
                seconds(found.end),
                found.option.clone().unwrap_or_default(),
                found.scope.clone().unwrap_or_default(),
                match has_files {
                    true => format!("{source} ({})", found.file),
                    false => source,
                },
            ]
        })
        .collect();
    let headings = ["RANK", "SCORE", "START", "END", "OPTION", "SCOPE", "SOURCE"];
    context.output.line(&table::render(headings, &rows));
}
