//! `unlade completions` and `unlade man`.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use unlade::{Error, ErrorKind, Result};

use crate::options::{About, Completions, Man};
use crate::output;
use crate::pages;
use crate::progress::Display;

/// Runs without a client: a broken configuration must not keep anyone from reading how it is done.
pub(crate) fn run(about: &About, json: bool, display: &Display) -> Result<()> {
    let (text, document) = match about {
        About::Completions(Completions { shell }) => {
            let script = pages::completions(*shell);
            let document = json!({ "script": &script });
            (script, document)
        }
        About::Man(Man { verb: Some(_), all: Some(_) }) => {
            return Err(Error::new(ErrorKind::InvalidInput, "--all writes the pages of all verbs: leave the verb out"));
        }
        About::Man(Man { all: Some(folder), .. }) => {
            let files = write(folder)?;
            display.summary(&format!("{}: {} pages", folder.display(), files.len()));
            (String::new(), json!({ "files": files }))
        }
        About::Man(Man { verb, .. }) => {
            let page = pages::page(verb.as_deref())?;
            let document = json!({ "name": page.file, "page": &page.text });
            (page.text, document)
        }
    };
    output::pages(&if json { line(&document) } else { text })
}

fn line(document: &Value) -> String {
    format!("{document}\n")
}

/// Writes all pages into a folder, which is made if need be, and names their files.
fn write(folder: &Path) -> Result<Vec<String>> {
    fs::create_dir_all(folder).map_err(|error| Error::io(format!("cannot make {}", folder.display()), error))?;
    let mut files = Vec::new();
    for page in pages::pages() {
        let path = folder.join(page.file);
        let name = path.display().to_string();
        fs::write(&path, page.text).map_err(|error| Error::io(format!("cannot write {name}"), error))?;
        files.push(name);
    }
    Ok(files)
}
