//! The texts of an error, changed: a place may not be quoted with everything.

use std::error::Error as StdError;

use super::{Advice, Context, Error, ErrorKind, FileFate, FileReport};
use crate::spec::safe_url::SafeUrl;

type Source = Box<dyn StdError + Send + Sync>;

impl Error {
    /// Says the same with every text that may come from outside changed: the messages of the whole chain, what a
    /// server said, its URL, what would help. Causes whose text changes become plain messages.
    #[must_use]
    pub(crate) fn reworded_throughout(mut self, edit: &dyn Fn(&str) -> String) -> Self {
        let kind = self.kind();
        self.0.message = edit(&self.0.message);
        self.0.context.reword(edit);
        self.0.source = self.0.source.map(|source| reworded(source, kind, edit));
        self
    }
}

fn reworded(source: Source, kind: ErrorKind, edit: &dyn Fn(&str) -> String) -> Source {
    let source = match source.downcast::<Error>() {
        Ok(error) => return error.reworded_throughout(edit).into(),
        Err(source) => source,
    };
    let mut texts = vec![source.to_string()];
    let mut next = source.source();
    while let Some(cause) = next {
        texts.push(cause.to_string());
        next = cause.source();
    }
    let edited: Vec<String> = texts.iter().map(|text| edit(text)).collect();
    if edited == texts {
        return source;
    }
    let innermost_first = edited.into_iter().rev();
    let chain = innermost_first.fold(None, |cause: Option<Error>, text| {
        let error = Error::new(kind, text);
        Some(match cause {
            Some(cause) => error.caused_by(cause),
            None => error,
        })
    });
    chain.map_or(source, Into::into)
}

impl Context {
    /// The reference is the user's own word, and stays.
    fn reword(&mut self, edit: &dyn Fn(&str) -> String) {
        // An address that is none once it was edited is not worth telling.
        self.url = self.url.take().and_then(|url| SafeUrl::parse(&edit(url.as_url().as_str())).ok());
        for said in &mut self.registry_errors {
            let texts = [&mut said.code, &mut said.message].into_iter().chain(&mut said.detail);
            texts.for_each(|text| *text = edit(text));
        }
        if let Some(advice) = &mut self.advice {
            advice.reword(edit);
        }
        self.files.iter_mut().for_each(|file| file.reword(edit));
    }
}

impl FileReport {
    fn reword(&mut self, edit: &dyn Fn(&str) -> String) {
        self.title = edit(&self.title);
        if let FileFate::Failed(reasons) = &mut self.fate {
            reword_all(reasons, edit);
        }
    }
}

impl Advice {
    fn reword(&mut self, edit: &dyn Fn(&str) -> String) {
        match self {
            Self::Choose { candidates: texts, .. } | Self::Near(texts) => {
                reword_all(texts, edit);
            }
            Self::AllowNet(text)
            | Self::AskOperators(text)
            | Self::CertificateAuthority(text)
            | Self::CheckClock(text)
            | Self::NameHost(text)
            | Self::Proxy { host: text, .. }
            | Self::ProveRealm(text)
            | Self::TrustRealm(text) => *text = edit(text),
            // Of this machine, or a number, or nothing.
            Self::Credential(_)
            | Self::Decompress(_)
            | Self::FreeSpace(_)
            | Self::IgnorePolicy
            | Self::KeepArchive
            | Self::LogIn
            | Self::MakeFolder(_)
            | Self::NameFolder
            | Self::NameOutput
            | Self::Overwrite
            | Self::PlainHttp
            | Self::ProxyLogin(_)
            | Self::PushAgain
            | Self::RemoveStranger(_)
            | Self::RunAgain
            | Self::ShowCertificate
            | Self::SpeakKnownScheme
            | Self::SpeakTls
            | Self::SpoolElsewhere(_)
            | Self::TlsMinimum
            | Self::WriteDevice => {}
        }
    }
}

fn reword_all(texts: &mut [String], edit: &dyn Fn(&str) -> String) {
    for text in texts {
        *text = edit(text);
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::spec::api_error;

    fn edit(text: &str) -> String {
        text.replace("hunter2", "***")
    }

    #[test]
    fn no_text_of_an_error_is_left_as_it_was() {
        let files = vec![FileReport {
            path: "/srv/disk.img".into(),
            title: "hunter2.img".to_owned(),
            digest: format!("sha256:{:064}", 1).parse().unwrap(),
            size: 1,
            fate: FileFate::Failed(vec!["hunter2 is gone".to_owned()]),
        }];
        let inner = Error::io("cannot read hunter2", io::Error::other("hunter2 is on fire"));
        let advice = Advice::Choose { by: "platform", candidates: vec!["hunter2  linux/arm64".to_owned()] };
        let error = inner.making("cannot use hunter2").advise(advice).with(|context| {
            context.url = Some(SafeUrl::parse("https://r.example/hunter2/x").unwrap());
            context.registry_errors = api_error::parse(br#"{"errors":[{"code":"hunter2","message":"not hunter2"}]}"#);
            context.files = files;
        });
        assert!(format!("{error:?}").matches("hunter2").count() > 8, "{error:?}");
        let error = error.reworded_throughout(&edit);
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
        assert_eq!(error.chain(), ["cannot use ***", "cannot read ***", "*** is on fire"]);
        assert_eq!(error.kind(), ErrorKind::Io);
        let url = error.context().url.as_ref().map(ToString::to_string);
        assert_eq!(url.as_deref(), Some("https://r.example/***/x"));
    }

    #[test]
    fn a_cause_without_such_a_text_stays_what_it_is() {
        let error = Error::io("hunter2", io::ErrorKind::NotFound.into()).reworded_throughout(&edit);
        let cause = error.source().unwrap().downcast_ref::<io::Error>();
        assert_eq!(cause.map(io::Error::kind), Some(io::ErrorKind::NotFound));
    }
}
