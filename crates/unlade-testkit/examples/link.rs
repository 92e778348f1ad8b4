//! A [`Link`] as a program of its own, for `bench/run`: `link --to ADDRESS [--rate BYTES] [--delay MILLISECONDS]
//! [--window BYTES]`.
//!
//! It prints its address as soon as it listens, answers each line of stdin with its counters, and ends with stdin: it
//! cannot outlive the program that started it.

use std::io::{self, BufRead, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use unlade_testkit::link::{Link, LinkBuilder};

fn main() -> ExitCode {
    let (target, builder) = match terms(std::env::args().skip(1)) {
        Ok(terms) => terms,
        Err(error) => {
            eprintln!("link: {error}");
            return ExitCode::from(2);
        }
    };
    // An error of stdin or stdout means, as their end does, that nobody is there any more.
    drop(serve(&builder.start(target)));
    ExitCode::SUCCESS
}

fn serve(link: &Link) -> io::Result<()> {
    let mut out = io::stdout();
    writeln!(out, "{}", link.address())?;
    for line in io::stdin().lock().lines() {
        line?;
        writeln!(out, r#"{{"connections": {}, "carried": {}}}"#, link.connections(), link.carried())?;
    }
    Ok(())
}

fn terms(mut words: impl Iterator<Item = String>) -> Result<(SocketAddr, LinkBuilder), String> {
    let (mut target, mut builder) = (None, Link::builder());
    while let Some(word) = words.next() {
        let value = words.next().ok_or_else(|| format!("{word} needs a value"))?;
        let number =
            || value.parse::<u64>().ok().filter(|number| *number > 0).ok_or(format!("{word}: not a number: {value}"));
        match word.as_str() {
            "--to" => target = Some(value.parse().map_err(|error| format!("--to: {error}: {value}"))?),
            "--rate" => builder = builder.rate(number()?),
            "--delay" => builder = builder.delay(Duration::from_millis(number()?)),
            "--window" => builder = builder.window(number()?),
            _ => return Err(format!("unknown option: {word}")),
        }
    }
    Ok((target.ok_or("--to is missing")?, builder))
}
