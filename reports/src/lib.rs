//! Shows a finished run: each format is a plain function from what happened, and what was decided about it, to text.
//!
//! A format is one file, its `mod` line and one line of [`FORMATS`]. Nothing here reads a clock or draws chance, so
//! the same run gives the same bytes.

pub mod campaign;
pub mod episode;
pub mod html;
pub mod json;
pub mod junit;
pub mod proof;
#[cfg(test)]
mod sample;
pub mod tally;
pub mod text;
pub mod words;

use harness::{Judgement, Run};

/// A run that is over: all that a report is made of.
#[derive(Clone, Copy, Debug)]
pub struct Finished<'a> {
    /// What was planned and what happened.
    pub run: &'a Run,
    /// What was decided about it.
    pub judgement: &'a Judgement,
    /// The command that runs the same plan again.
    pub replay: &'a str,
}

/// A way to show a finished run.
#[derive(Clone, Copy, Debug)]
pub struct Format {
    /// As on the command line.
    pub name: &'static str,
    /// One sentence.
    pub about: &'static str,
    /// The file that it is kept in, inside the run's directory.
    pub file: &'static str,
    /// Makes the whole text. Deterministic.
    pub render: fn(&Finished) -> String,
}

/// Every format.
pub const FORMATS: &[Format] = &[
    Format {
        name: "text",
        about: "the verdict, its proof and what was measured, for a terminal",
        file: "report.txt",
        render: text::render,
    },
    Format {
        name: "json",
        about: "the verdict and what was measured, for programs",
        file: "verdict.json",
        render: json::render,
    },
    Format {
        name: "junit",
        about: "one test case a checker, as XML that CI systems read",
        file: "junit.xml",
        render: junit::render,
    },
    Format {
        name: "html",
        about: "one self-contained page: the proof, a timeline, plots and tables",
        file: "report.html",
        render: html::render,
    },
];

/// The format of that name.
pub fn find(name: &str) -> Option<&'static Format> {
    FORMATS.iter().find(|format| format.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_format_is_found_by_its_name_and_has_a_file_of_its_own() {
        let files: BTreeSet<&str> = FORMATS.iter().map(|format| format.file).collect();
        assert_eq!(files.len(), FORMATS.len());
        for format in FORMATS {
            assert_eq!(find(format.name).map(|found| found.file), Some(format.file));
        }
        assert!(find("pdf").is_none());
    }

    #[test]
    fn every_format_gives_the_same_bytes_twice_and_names_the_replay_command() {
        for sample in [sample::violated(), sample::held(), sample::hostile()] {
            for format in FORMATS {
                let first = (format.render)(&sample.finished());
                assert_eq!(first, (format.render)(&sample.finished()), "{} is not deterministic", format.name);
                assert!(first.contains("perjury replay"), "{} does not say how to replay", format.name);
            }
        }
    }
}
