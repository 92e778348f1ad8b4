//! `unlade pick`.

use std::borrow::Cow;

use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use unlade::artifact::Artifact;
use unlade::client::{Explanation, Quotes, Step};
use unlade::image::explain::{Candidate, Reason, Verdict};
use unlade::spec::descriptor::{DISK_TYPE, Descriptor};
use unlade::spec::entry::Entry;
use unlade::spec::text::sanitise;
use unlade::{Error, Result};

use super::{reference, selection};
use crate::failure;
use crate::options;
use crate::output;
use crate::session::Session;
use crate::table::{Room, Table};
use crate::units;

pub(super) async fn run(options: &options::Pick, session: &Session) -> Result<()> {
    let reference = reference(&options.reference)?;
    output::open()?;
    let explanation = session.client().explain(&reference, &selection(&options.choice)?).await;
    let (quotes, Explanation { steps, outcome, .. }) = (explanation.quotes(), explanation);
    let chosen = outcome.and_then(Chosen::new);
    if session.json() {
        return match chosen {
            Ok(chosen) => {
                let report = Report {
                    reference: chosen.artifact.reference().to_string(),
                    chosen: chosen.document(),
                    candidates: Candidates { steps: &steps, chosen: Some(&chosen), quotes: None },
                };
                output::serialised(&report).await
            }
            Err(error) => Err(unchosen(error, &steps, &quotes, session).await),
        };
    }
    let candidates = if options.explain { explained(&steps, &chosen, Room::on_stdout()) } else { String::new() };
    // `unlade pick REF | head -1` is read as far as it is wanted.
    match chosen {
        Ok(chosen) if candidates.is_empty() => output::offer(chosen.text()).await.map(drop),
        Ok(chosen) => output::offer(format!("{}\n{candidates}", chosen.text())).await.map(drop),
        Err(error) => {
            output::offer(candidates).await?;
            Err(error)
        }
    }
}

/// Writes the document of a failed choice: that of any failure, with all candidates in the contract's form.
async fn unchosen(error: Error, steps: &[Step], quotes: &Quotes, session: &Session) -> Error {
    if steps.is_empty() {
        return error;
    }
    let mut document = failure::document(&error, failure::exit_code(error.kind()));
    let mut fields = std::mem::take(&mut document["error"]);
    if let Some(fields) = fields.as_object_mut() {
        fields.remove("candidates");
    }
    let candidates = Candidates { steps, chosen: None, quotes: Some(quotes) };
    session.display().note_document();
    // A courtesy: the exit code decides.
    drop(output::serialised(&Failure { error: Unchosen { fields, candidates } }).await);
    error
}

/// What a pull would take.
struct Chosen {
    artifact: Artifact,
    manifest: Descriptor,
    layers: Vec<Descriptor>,
    /// How many layers are left out, for want of a title.
    untitled: usize,
}

impl Chosen {
    fn new(artifact: Artifact) -> Result<Self> {
        let layers = artifact.layers()?;
        let (taken, untitled) = (layers.taken.into_iter().cloned().collect(), layers.untitled);
        Ok(Self { manifest: artifact.descriptor(), layers: taken, untitled, artifact })
    }

    fn platform(&self) -> Option<String> {
        self.manifest.platform.as_ref().map(|platform| sanitise(&platform.to_string()).into_owned())
    }

    fn disk_type(&self) -> Option<Cow<'_, str>> {
        self.manifest.annotation(DISK_TYPE).map(sanitise)
    }

    /// Says it in lines: those of the layers are for programs too, so that nothing is cut.
    fn text(&self) -> String {
        let mut text = format!("{}\n", self.artifact.reference().pinned(&self.manifest.digest));
        for layer in &self.layers {
            let title = layer.title().map_or("-".into(), sanitise);
            let (size, media_type) = (units::bytes(layer.size), sanitise(layer.media_type.as_str()));
            let media_type = if media_type.is_empty() { "-" } else { &media_type };
            // The publisher's own words last: there they cannot be taken for another column.
            text.push_str(&[&layer.digest.to_string(), &*size, media_type, &title].join("  "));
            text.push('\n');
        }
        let mut known = Table::new(&[]);
        let left_out = match self.untitled {
            0 => None,
            1 => Some("1 layer without a title".to_owned()),
            more => Some(format!("{more} layers without a title")),
        };
        let artifact_type = self.manifest.artifact_type.as_ref().map(|found| found.as_str().to_owned());
        for (name, value) in [
            ("platform", self.platform()),
            ("disk type", self.disk_type().map(Cow::into_owned)),
            ("artifact type", artifact_type),
            ("left out", left_out),
        ] {
            if let Some(value) = value {
                known.row([name, &value]);
            }
        }
        text + &known.text(Room::Endless)
    }

    fn document(&self) -> Value {
        json!({
            "manifest": output::descriptor(&self.manifest),
            "layers": self.layers.iter().map(output::descriptor).collect::<Vec<_>>(),
            "platform": self.platform(),
            "disk_type": self.disk_type(),
            // What only the content tells is not looked at.
            "disk_format": null,
            "compression": null,
        })
    }
}

/// The contract's keys.
#[derive(Serialize)]
struct Report<'a> {
    candidates: Candidates<'a>,
    chosen: Value,
    reference: String,
}

/// The contract's document of a failure.
#[derive(Serialize)]
struct Failure<'a> {
    error: Unchosen<'a>,
}

#[derive(Serialize)]
struct Unchosen<'a> {
    #[serde(flatten)]
    fields: Value,
    candidates: Candidates<'a>,
}

/// All candidates, made one by one.
struct Candidates<'a> {
    steps: &'a [Step],
    chosen: Option<&'a Chosen>,
    /// Where they are part of a message, which may not quote everything.
    quotes: Option<&'a Quotes>,
}

impl Serialize for Candidates<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let (Some(chosen), []) = (self.chosen, self.steps) {
            let named = json!({
                "manifest": output::descriptor(&chosen.manifest),
                "accepted": true,
                "reasons": [NAMED],
            });
            return serializer.collect_seq([named]);
        }
        serializer.collect_seq(self.steps.iter().flat_map(Step::candidates).map(|candidate| {
            let described = json!({
                "manifest": output::entry(candidate.entry),
                "accepted": candidate.verdict == Verdict::Accepted,
                "reasons": reasons(&candidate),
            });
            match self.quotes {
                Some(quotes) => quoted(described, quotes),
                None => described,
            }
        }))
    }
}

/// Takes out of a document what may not be quoted.
fn quoted(value: Value, quotes: &Quotes) -> Value {
    let quote = |text: String| quotes.blot(&text).into_owned();
    match value {
        Value::Array(values) => values.into_iter().map(|value| quoted(value, quotes)).collect(),
        Value::Object(fields) => fields.into_iter().map(|(key, value)| (quote(key), quoted(value, quotes))).collect(),
        Value::String(text) => Value::String(quote(text)),
        other => other,
    }
}

/// Why a manifest is chosen that is not one of several.
const NAMED: &str = "is what the reference names";

fn reasons(candidate: &Candidate<'_>) -> Vec<String> {
    candidate.reasons.iter().map(|reason| sanitise(&reason.to_string()).into_owned()).collect()
}

/// Tells of each index on the way which of its entries was taken, and why not the others.
fn explained(steps: &[Step], chosen: &Result<Chosen, Error>, room: Room) -> String {
    if steps.is_empty() {
        return chosen.as_ref().map_or_else(|_| String::new(), |_| format!("chosen: {NAMED}\n"));
    }
    let tables = steps.iter().map(|step| {
        let candidates = step.candidates();
        let mut table = Table::new(&["VERDICT", "DIGEST", "PLATFORM", "DISK TYPE", "REASONS"]);
        for candidate in &candidates {
            table.row(row(candidate, room));
        }
        format!("index {}\n{}", step.digest(), table.without_empty_columns().text(room))
    });
    tables.collect::<Vec<_>>().join("\n")
}

fn row(candidate: &Candidate<'_>, room: Room) -> [String; 5] {
    let verdict = match candidate.verdict {
        Verdict::Rejected => "rejected",
        Verdict::Accepted if candidate.reasons.iter().any(|reason| matches!(reason, Reason::Tied(_))) => "fits",
        Verdict::Accepted => "chosen",
    };
    let entry = candidate.entry;
    [
        verdict.to_owned(),
        digest(entry, room),
        entry.platform().map(ToString::to_string).unwrap_or_default(),
        entry.annotation(DISK_TYPE).unwrap_or_default().to_owned(),
        reasons(candidate).join("; "),
    ]
}

/// Names content: enough to tell it from others on a terminal, else whole.
pub(super) fn digest(entry: &Entry, room: Room) -> String {
    let Some(digest) = entry.digest() else { return String::new() };
    match (room, digest.split_once(':')) {
        (Room::Columns(_), Some((algorithm, hex))) => {
            let short: String = hex.chars().take(SHORT).collect();
            if algorithm == "sha256" { short } else { format!("{algorithm}:{short}") }
        }
        _ => digest,
    }
}

/// So many digits tell digests apart, for eyes.
const SHORT: usize = 12;
