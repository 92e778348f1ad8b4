//! What the command tells of itself as files: manual pages, and scripts that complete command lines.
//!
//! All of it is made from the description of the command line, of which `--help` is made too.

use clap::Command;
use clap_complete::aot;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};
use unlade::{Error, ErrorKind, Result};

use crate::command_line;
use crate::examples;
use crate::options::Shell;

/// The name that the command is called by.
const NAME: &str = "unlade";

/// A manual page.
#[derive(Debug)]
pub(crate) struct Page {
    /// The name of its file: `unlade-pull.1`.
    pub(crate) file: String,
    /// What stands in it, for `man`.
    pub(crate) text: String,
}

/// Writes the script that makes a shell complete the command's lines.
pub(crate) fn completions(shell: Shell) -> String {
    let mut script = Vec::new();
    let generator = match shell {
        Shell::Bash => aot::Shell::Bash,
        Shell::Fish => aot::Shell::Fish,
        Shell::Zsh => aot::Shell::Zsh,
    };
    aot::generate(generator, &mut command_line::command(), NAME, &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// Writes the page of the command, or of one of its verbs.
///
/// # Errors
///
/// [`ErrorKind::InvalidInput`] if there is no such verb.
pub(crate) fn page(verb: Option<&str>) -> Result<Page> {
    let command = described();
    let Some(verb) = verb else { return Ok(render(&command)) };
    let found = command.get_subcommands().find(|found| found.get_name() == verb);
    let unknown = || Error::new(ErrorKind::InvalidInput, format!("there is no verb {verb:?}: see unlade --help"));
    found.map(render).ok_or_else(unknown)
}

/// Writes all pages: of the command first, then of its verbs.
pub(crate) fn pages() -> Vec<Page> {
    let command = described();
    std::iter::once(&command).chain(command.get_subcommands()).map(render).collect()
}

/// Describes the command as its pages do: with the options that the short help leaves out, without what is hidden.
fn described() -> Command {
    let whole = |argument: clap::Arg| argument.hide_short_help(false);
    let mut command = command_line::command().disable_help_subcommand(true).subcommand_help_heading("VERBS");
    command = command.mut_args(whole).mut_subcommands(|verb| verb.mut_args(whole));
    command.build();
    command
}

fn render(command: &Command) -> Page {
    let name = command.get_display_name().unwrap_or(NAME);
    let man = Man::new(command.clone());
    let text = examples::Text::read(&command.get_after_help().map(ToString::to_string).unwrap_or_default());
    let common = examples::Text::read(examples::UNLADE);
    let mut page = Vec::new();
    // Nothing but memory is written to, which does not fail.
    let mut write = |section: &dyn Fn(&mut Vec<u8>) -> std::io::Result<()>| section(&mut page).unwrap_or_default();
    write(&|page| title(name).to_writer(page));
    write(&|page| man.render_name_section(page));
    write(&|page| synopsis(command).to_writer(page));
    write(&|page| description(command, &text).to_writer(page));
    write(&|page| man.render_options_section(page));
    if command.has_subcommands() {
        write(&|page| man.render_subcommands_section(page));
    }
    write(&|page| exit_status(&common).to_writer(page));
    write(&|page| environment(&common).to_writer(page));
    write(&|page| listing("EXAMPLES", &text.examples).to_writer(page));
    write(&|page| see_also(command).to_writer(page));
    Page { file: format!("{name}.1"), text: joined(&String::from_utf8_lossy(&page)) }
}

/// Leaves one of the definitions with which each section begins, and makes paragraphs of what empty lines part: those
/// stand outside of the indentation in some renderers.
fn joined(sections: &str) -> String {
    let preamble = Roff::new().render();
    let sections = sections.replace(&preamble, "").replace("\n.br\n\n.br\n", "\n.IP\n").replace("\n\n", "\n.IP\n");
    preamble + &sections
}

/// Names the page. It has no date: it is made anew whenever the command changes.
fn title(name: &str) -> Roff {
    let version = format!("{NAME} {}", env!("CARGO_PKG_VERSION"));
    let mut title = Roff::new();
    title.control("TH", [name, "1", "\"\"", &version, "unlade manual"]);
    title
}

fn section(title: &str) -> Roff {
    let mut section = Roff::new();
    section.control("SH", [title]);
    section
}

fn synopsis(command: &Command) -> Roff {
    let usage = command.clone().render_usage().to_string();
    let usage = usage.strip_prefix("Usage: ").unwrap_or(&usage);
    let name = command.get_bin_name().unwrap_or(NAME);
    let mut synopsis = section("SYNOPSIS");
    synopsis.text([bold(name), roman(usage.strip_prefix(name).unwrap_or(usage))]);
    synopsis
}

fn description(command: &Command, text: &examples::Text) -> Roff {
    let mut description = section("DESCRIPTION");
    let about = command.get_long_about().or_else(|| command.get_about()).map(ToString::to_string).unwrap_or_default();
    description.text([roman(format!("{about}."))]);
    // Those of the command itself are sections of their own.
    for paragraph in text.notes.iter().filter(|_| !command.has_subcommands()) {
        description.control("PP", []);
        description.text([roman(paragraph.as_str())]);
    }
    description
}

fn exit_status(common: &examples::Text) -> Roff {
    let mut status = section("EXIT STATUS");
    for (code, meaning) in &common.exit_codes {
        status.control("TP", []);
        status.text([bold(code.as_str())]);
        status.text([roman(meaning.as_str())]);
    }
    status
}

fn environment(common: &examples::Text) -> Roff {
    let mut environment = section("ENVIRONMENT");
    for paragraph in &common.notes {
        environment.text([roman(paragraph.as_str())]);
    }
    environment.control("PP", []);
    environment.text([roman(examples::VARIABLES)]);
    environment
}

/// Shows lines as they are.
fn listing(title: &str, lines: &[String]) -> Roff {
    let mut listing = section(title);
    listing.control("EX", []);
    for line in lines {
        listing.text([roman(line.as_str())]);
    }
    listing.control("EE", []);
    listing
}

fn see_also(command: &Command) -> Roff {
    let mut also = section("SEE ALSO");
    if command.has_subcommands() {
        also.text([roman("The guide, docs/guide.md in the sources; "), bold("skopeo"), roman("(1)")]);
    } else {
        also.text([bold(NAME), roman("(1)")]);
    }
    also
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verb_has_a_page() {
        let pages = pages();
        let verbs = command_line::command().get_subcommands().count();
        assert_eq!(pages.len(), verbs + 1);
        for Page { file, text } in &pages {
            let name = file.strip_suffix(".1").unwrap();
            assert!(text.contains(&format!("\n.TH {name} 1 \"\" \"unlade ")), "{file}");
            for section in ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "\"EXIT STATUS\"", "ENVIRONMENT", "EXAMPLES"]
            {
                assert!(text.contains(&format!("\n.SH {section}\n")), "{file} has no {section}");
            }
            assert!(text.contains("unlade "), "{file} has examples");
        }
        assert_eq!(page(None).unwrap().file, "unlade.1");
        assert_eq!(page(Some("pull")).unwrap().file, "unlade-pull.1");
        assert_eq!(page(Some("pul")).unwrap_err().kind(), ErrorKind::InvalidInput);
    }

    #[test]
    fn every_option_of_a_page_says_what_it_does() {
        for Page { file, text } in pages() {
            let lines: Vec<&str> = text.lines().collect();
            for (at, _) in lines.iter().enumerate().filter(|(_, line)| **line == ".TP") {
                let body = lines.get(at + 2).copied().unwrap_or_default();
                assert!(!body.is_empty() && !body.starts_with('.'), "{file}: {:?} says nothing", lines[at + 1]);
            }
        }
    }

    #[test]
    fn what_is_hidden_is_not_completed() {
        let mut command = command_line::command();
        command.build();
        let hidden = command.get_subcommands().filter(|verb| verb.is_hide_set()).map(Command::get_name);
        let arguments = command.get_arguments().chain(command.get_subcommands().flat_map(Command::get_arguments));
        let options = arguments.filter(|option| option.is_hide_set()).filter_map(clap::Arg::get_long);
        let hidden: Vec<&str> = hidden.chain(options).collect();
        for shell in [Shell::Bash, Shell::Fish, Shell::Zsh] {
            let script = completions(shell);
            assert!(hidden.iter().all(|name| !script.contains(name)), "{shell:?} completes one of {hidden:?}");
        }
    }
}
