//! Whether there is a standard output.

use std::sync::atomic::{AtomicBool, Ordering};

use rustix::io::fcntl_getfd;

static WAS_CLOSED: AtomicBool = AtomicBool::new(false);

/// Says whether this process was started without a standard output, as by `>&-` in a shell.
///
/// Rust's runtime opens `/dev/null` in its place before `main` begins: what is written there is lost without an
/// error, and nothing tells it from a `/dev/null` that the user wanted.
pub fn was_closed() -> bool {
    WAS_CLOSED.load(Ordering::Relaxed)
}

extern "C" fn look() {
    WAS_CLOSED.store(fcntl_getfd(rustix::stdio::stdout()).is_err(), Ordering::Relaxed);
}

// SAFETY: the loader calls the functions whose addresses stand in this section before `main`, and by C's calling
// convention a function may ignore the arguments. `look` makes one system call and sets one flag: it needs nothing
// that Rust's runtime sets up, and it cannot panic.
#[expect(unsafe_code, reason = "only what runs before the runtime can see whether it opened /dev/null")]
#[used]
#[unsafe(link_section = ".init_array")]
static LOOK: extern "C" fn() = look;

#[cfg(test)]
mod tests {
    use std::process::Command;

    /// Set for the process that a test starts of itself.
    const CHILD: &str = "UNLADE_SYS_TEST_CHILD";

    #[test]
    fn only_a_closed_stdout_was_closed() {
        if std::env::var_os(CHILD).is_some() {
            // Stdout may be gone: the exit code is the answer.
            std::process::exit(if super::was_closed() { 10 } else { 20 });
        }
        let this = std::env::current_exe().unwrap();
        for (redirection, expected) in [(">&-", 10), ("1<>/dev/null", 20), (">/dev/null", 20), ("2>&-", 20)] {
            let script = format!("exec \"$0\" only_a_closed_stdout_was_closed {redirection}");
            let status = Command::new("/bin/sh").arg("-c").arg(script).arg(&this).env(CHILD, "1").status().unwrap();
            assert_eq!(status.code(), Some(expected), "{redirection}");
        }
    }
}
