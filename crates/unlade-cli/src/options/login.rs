//! What the verbs take that keep logins.

use clap::Args;
use clap::builder::{BoolishValueParser, NonEmptyStringValueParser};

#[derive(Debug, Args)]
pub(crate) struct Login {
    /// The registry, or a part of it: HOST[:PORT][/PATH]
    #[arg(value_name = "HOST[/PATH]")]
    pub(crate) registry: String,
    /// The user; asked for on the terminal otherwise
    ///
    /// The user <token> says that the password is an identity token.
    #[arg(long, env = "UNLADE_USERNAME", value_name = "USER", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) username: Option<String>,
    /// Read the password from stdin; it is asked for on the terminal otherwise
    #[arg(long, env = "UNLADE_PASSWORD_STDIN", value_parser = BoolishValueParser::new())]
    pub(crate) password_stdin: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Logout {
    /// The registry, or a part of it: HOST[:PORT][/PATH]
    #[arg(value_name = "HOST[/PATH]")]
    pub(crate) registry: String,
}
