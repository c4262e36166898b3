//! The `perjury` binary: parse, look up, run, print.

use clap::Parser;
use perjury::commands::{Perjury, dispatch};
use std::process::ExitCode;

fn main() -> ExitCode {
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
