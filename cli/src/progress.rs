//! Who watches a run: the history's file, and a person.

use harness::run::Witness;
use harness::{Event, Outcome, Plan, Tier, Time, What};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::fs::File;
use std::io::{BufWriter, IsTerminal, Write};

/// Appends every event to the history's file, and shows a run that takes real time.
pub struct Progress {
    file: BufWriter<File>,
    /// A run in virtual time is over before anybody has read a line.
    real: bool,
    bar: ProgressBar,
    time: Time,
    counts: [u64; 3],
    /// The first event that could not be written, and why.
    lost: Option<std::io::Error>,
}

impl Progress {
    /// Watches a run of this plan.
    pub fn new(plan: &Plan, file: File) -> Progress {
        let real = plan.tier != Tier::Sim;
        let bar = if real { bar(plan.time.0 / 1000) } else { ProgressBar::hidden() };
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {msg}") {
            bar.set_style(style);
        }
        Progress { file: BufWriter::new(file), real, bar, time: plan.time, counts: [0; 3], lost: None }
    }

    /// Ends the display.
    ///
    /// # Errors
    /// If the history could not be written to its end.
    pub fn finish(mut self) -> std::io::Result<()> {
        self.bar.finish_and_clear();
        self.file.flush()?;
        self.lost.map_or(Ok(()), Err)
    }

    fn say(&self, time: Time, words: &str) {
        let [ok, failed, unknown] = self.counts;
        let left = self.time.since(time).seconds();
        let line = format!("{time:>9}  {words}  ({ok} ok, {failed} failed, {unknown} unknown; {left:.0} s left)");
        if self.bar.is_hidden() { eprintln!("{line}") } else { self.bar.println(line) }
    }
}

impl Witness for Progress {
    fn saw(&mut self, index: usize, event: &Event) {
        // The run goes on without its file; who reads [`Progress::finish`] hears of it.
        let mut written = writeln!(self.file, "{}", harness::files::history::line(index, event));
        if self.real {
            written = written.and_then(|()| self.file.flush());
        }
        self.lost = self.lost.take().or(written.err());
        if !self.real {
            return;
        }
        if let What::Return { outcome, .. } = &event.what {
            let kind = match outcome {
                Outcome::Ok(_) => 0,
                Outcome::Failed(_) => 1,
                Outcome::Unknown(_) => 2,
            };
            self.counts[kind] += 1;
        }
        match &event.what {
            What::Phase(phase) => self.say(event.time, &format!("phase: {phase:?}").to_lowercase()),
            What::Began { fault, .. } => self.say(event.time, &format!("begins: {fault}")),
            What::Ended { effect, .. } => self.say(event.time, &format!("ends: {}", effect.measured)),
            What::Mark { node, mark } if matches!(mark.as_ref(), "elected" | "promoted" | "demoted") => {
                self.say(event.time, &format!("{node} is {mark}"));
            }
            _ => {}
        }
        self.bar.set_position((event.time.0 / 1000).min(self.bar.length().unwrap_or(0)));
        self.bar.set_message(format!("{} ok, {} failed, {} unknown", self.counts[0], self.counts[1], self.counts[2]));
    }
}

/// A bar on a terminal, nothing elsewhere.
pub fn bar(length: u64) -> ProgressBar {
    match std::io::stderr().is_terminal() {
        true => ProgressBar::new(length),
        false => ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::hidden()),
    }
}
