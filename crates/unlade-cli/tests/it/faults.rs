//! Every numbered lie, told to the built command.
//!
//! A [`case`] says what a run comes to: kind and exit code of the error, or the same bytes; which requests each
//! server saw, in order; and which files are left. It is played without the lie first, so that no case passes for
//! the wrong reason. The cases stand in one file for each family of lies, as the lies themselves do in the testkit.

/// Makes a test of each case, and a list of all of them.
macro_rules! cases {
    ($($name:ident => $case:expr;)*) => {
        /// The cases of this family.
        pub(super) fn all() -> Vec<(&'static str, Case)> {
            vec![$((stringify!($name), $case)),*]
        }

        $(
            #[test]
            fn $name() {
                $case.play();
            }
        )*
    };
}

mod access;
mod body;
mod case;
mod content;
mod listing;
mod matchers;
mod parallel;
mod protocol;
mod range;
mod realm;
mod redirect;
mod scripts;
mod transcript;
mod world;

use std::collections::BTreeSet;

use unlade_testkit::Fault;

#[test]
fn every_numbered_fault_is_met_by_a_case() {
    let families = [
        access::all(),
        body::all(),
        content::all(),
        listing::all(),
        parallel::all(),
        protocol::all(),
        range::all(),
        realm::all(),
        redirect::all(),
    ];
    let cases = families.into_iter().flatten();
    let met: BTreeSet<u16> = cases.flat_map(|(_, case)| case.numbers()).collect();
    let unmet: Vec<String> = Fault::ALL
        .iter()
        .filter(|(number, _)| !met.contains(number))
        .map(|(number, name)| format!("F{number} {name}"))
        .collect();
    assert!(unmet.is_empty(), "faults without a case: {unmet:?}");
}
