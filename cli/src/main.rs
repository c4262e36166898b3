//! The `perjury` binary: parse, look up, run, print.

use clap::Parser;
use perjury::commands::{Perjury, dispatch};
use std::process::ExitCode;

/// What a shell reports for a program that nobody listened to any more (128 and the number of `SIGPIPE`).
const NOBODY_LISTENS: i32 = 141;

fn main() -> ExitCode {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        // `perjury list | head` closes the pipe early: no mistake of ours, and no verdict either.
        if panic.to_string().contains("failed printing to stdout: Broken pipe") {
            std::process::exit(NOBODY_LISTENS);
        }
        usual(panic);
    }));
    let code = std::panic::catch_unwind(|| match Perjury::try_parse() {
        Ok(arguments) => dispatch(arguments),
        Err(error) => {
            // Help and version are no mistakes.
            let asked = !error.use_stderr();
            let _ = error.print();
            if asked { 0 } else { 64 }
        }
    });
    ExitCode::from(code.unwrap_or(70))
}
