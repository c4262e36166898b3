//! What is seen of each node from outside: what it believes of itself, and what its log says of its end.

use super::cluster::Event;
use super::{Observer, System};
use crate::wire::Lost;
use harness::NodeId;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::Sender;
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Between two looks at a node.
const EVERY: Duration = Duration::from_millis(100);

/// Threads that look, one a node.
pub struct Watch {
    over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

/// A log and the words in it that say that its node gave up.
pub struct Log {
    /// Where it is.
    pub path: PathBuf,
    /// Any of these.
    pub panics: Arc<[String]>,
}

impl Watch {
    /// Begins to look. `logs` has those of each node.
    pub fn new(system: &Arc<dyn System>, logs: Vec<Vec<Log>>, tell: &Sender<Event>) -> std::io::Result<Watch> {
        let over = Arc::new(AtomicBool::new(false));
        let threads = logs.into_iter().enumerate().map(|(node, logs)| {
            let (over, tell, observer) = (over.clone(), tell.clone(), system.observer(node));
            let name = format!("watch {}", NodeId(node as u8));
            thread::Builder::new().name(name).spawn(move || look(NodeId(node as u8), observer, &logs, &tell, &over))
        });
        let threads = threads.collect::<std::io::Result<_>>()?;
        Ok(Watch { over, threads })
    }

    /// Looks no more.
    pub fn end(&mut self) {
        self.over.store(true, Relaxed);
        self.threads.drain(..).for_each(|thread| drop(thread.join()));
    }
}

fn look(node: NodeId, mut observer: Observer, logs: &[Log], tell: &Sender<Event>, over: &AtomicBool) {
    let mut read = vec![0; logs.len()];
    while !over.load(Relaxed) {
        let view = match observer() {
            Ok(view) => Some(Some(view)),
            Err(Lost::Unsent(_)) => Some(None),
            // Stopped or busy: what it believed before it still believes.
            Err(Lost::Open(_)) => None,
        };
        let mut events: Vec<Event> = view.map(|view| Event::View(node, view)).into_iter().collect();
        for (log, read) in logs.iter().zip(&mut read) {
            events.extend(news(log, read).map(|line| Event::GaveUp(node, line)));
        }
        if events.into_iter().any(|event| tell.send(event).is_err()) {
            return;
        }
        thread::sleep(EVERY);
    }
}

/// The first line since `read` that says that a node gave up.
fn news(log: &Log, read: &mut u64) -> Option<String> {
    let mut file = File::open(&log.path).ok()?;
    file.seek(SeekFrom::Start(*read)).ok()?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).ok()?;
    // A line that is not whole yet is read next time.
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    *read += whole as u64;
    let text = String::from_utf8_lossy(&bytes[..whole]);
    text.lines().find(|line| log.panics.iter().any(|words| line.contains(&**words))).map(str::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn only_whole_lines_that_are_new_are_looked_at() {
        let dir = tempfile::tempdir().unwrap();
        let log = Log { path: dir.path().join("log"), panics: ["panic:".to_string()].into() };
        let mut read = 0;
        assert_eq!(news(&log, &mut read), None, "there is no log yet");
        let mut file = File::create(&log.path).unwrap();
        write!(file, "all is well\npanic: no").unwrap();
        assert_eq!(news(&log, &mut read), None);
        writeln!(file, "thing left").unwrap();
        assert_eq!(news(&log, &mut read).as_deref(), Some("panic: nothing left"));
        assert_eq!(news(&log, &mut read), None, "it was told already");
    }
}
