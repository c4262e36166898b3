//! What crosses a boundary between processes: JSON lines on a node's pipes, frames of postcard on its sockets.

use super::clock::Clock;
use harness::{NodeId, Op, Outcome, RequestId, Seed, Settings, Time, View};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::io;
use std::path::PathBuf;
use tokio::io::{AsyncRead, AsyncReadExt};

/// The first line of a node's input.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeOptions {
    /// Names the run: nobody of another run is listened to.
    pub run: u64,
    /// Which node this is.
    pub id: NodeId,
    /// Which life of it, counted from 1.
    pub life: u32,
    /// By its name in the table of designs.
    pub design: String,
    /// Deliberate bugs that are on.
    pub switches: Vec<String>,
    /// How many nodes there are.
    pub nodes: u8,
    /// Magnitudes.
    pub settings: Settings,
    /// What timers are drawn from.
    pub seed: Seed,
    /// The write-ahead file.
    pub wal: PathBuf,
    /// The controller's process: the node dies with it.
    pub parent: u32,
    /// When the run began, in microseconds since 1970.
    pub begin: u64,
    /// What the machine's clocks read.
    pub clock: Clock,
    /// Added to every sync.
    pub slow_disk: Time,
    /// Marks to wait at.
    pub watch: Vec<String>,
}

/// What the controller says on a node's input, a line each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Command {
    /// Begin. Where the proxies of the outgoing links listen.
    Start(Vec<(NodeId, u16)>),
    /// These are the machine's clocks now.
    Clock(Clock),
    /// Say what the wall clock reads.
    ReadClock,
    /// Every sync takes longer by this much.
    SlowDisk(Time),
    /// Say a digest of the data.
    Digest,
    /// Wait at these marks, and at no others.
    Watch(Vec<String>),
    /// Go on behind the mark that the node waits at.
    Go,
}

/// What a node says on its output, a line each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Notice {
    /// Its disk is read; it listens for peers and clients.
    Ready {
        /// On loopback.
        port: u16,
        /// Read from the write-ahead file.
        records: usize,
    },
    /// What an observer may know of it has changed.
    View(View),
    /// It hit a mark.
    Mark {
        /// Its name.
        name: String,
        /// True if it waits there for [`Command::Go`].
        waits: bool,
    },
    /// What its wall clock reads.
    Wall(Time),
    /// One more sync was slowed.
    Slowed,
    /// Of its data.
    Digest(u64),
    /// Its step panicked; it ends.
    Panicked(String),
    /// It cannot go on, for no fault of its design: what, why, how to mend.
    Trouble(String, String, String),
}

/// The first frame of every connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// As in [`NodeOptions`].
    pub run: u64,
    /// Whom the connection is for. A port may have come to somebody else meanwhile.
    pub to: NodeId,
    /// Who speaks.
    pub from: Speaker,
}

/// Who speaks on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Speaker {
    /// Frames are messages, one way.
    Peer(NodeId),
    /// Frames are [`Request`]s, answered by [`Answer`]s.
    Client(u32),
}

/// A client's request.
pub type Request = (RequestId, Op);
/// A node's answer.
pub type Answer = (RequestId, Outcome);

/// A longer frame is nonsense.
const LONGEST: u32 = 64 << 20;

/// Length (32 bits, little endian), then postcard.
pub fn frame(content: &impl Serialize) -> Vec<u8> {
    let bytes = postcard::to_extend(content, vec![0; 4]);
    let mut bytes = bytes.expect("everything on the wire is plain data");
    let length = u32::try_from(bytes.len() - 4).ok().filter(|length| *length <= LONGEST);
    bytes[..4].copy_from_slice(&length.expect("a message is below 64 MiB").to_le_bytes());
    bytes
}

/// The next frame with its length; `None` at the end of the connection.
pub async fn next_frame(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Vec<u8>>> {
    let mut head = [0; 4];
    match from.read_exact(&mut head).await {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    let length = u32::from_le_bytes(head);
    if length > LONGEST {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("a frame of {length} bytes")));
    }
    let mut bytes = head.to_vec();
    bytes.resize(4 + length as usize, 0);
    from.read_exact(&mut bytes[4..]).await?;
    Ok(Some(bytes))
}

/// What a frame says.
pub fn content<T: DeserializeOwned>(frame: &[u8]) -> io::Result<T> {
    postcard::from_bytes(&frame[4..]).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// The next frame's content; `None` at the end of the connection.
pub async fn next<T: DeserializeOwned>(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<T>> {
    next_frame(from).await?.map(|frame| content(&frame)).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness::{Reason, Reply};

    #[tokio::test(flavor = "current_thread")]
    async fn answers_cross_the_wire() {
        let id = RequestId { session: 3, number: 7 };
        let hint = Some(NodeId(2));
        let answers: [Answer; 3] = [
            (id, Outcome::Ok(Reply::Value(Some(-4)))),
            (id, Outcome::Failed(Reason::NotLeader { hint })),
            (id, Outcome::Unknown(Reason::Unavailable("full".into()))),
        ];
        let bytes: Vec<u8> = answers.iter().flat_map(frame).collect();
        let mut from = bytes.as_slice();
        for answer in &answers {
            assert_eq!(next::<Answer>(&mut from).await.unwrap().as_ref(), Some(answer));
        }
        assert_eq!(next::<Answer>(&mut from).await.unwrap(), None);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_frame_that_is_too_long_or_makes_no_sense_is_an_error() {
        let mut long: &[u8] = &[0xff; 8];
        assert_eq!(next_frame(&mut long).await.unwrap_err().kind(), io::ErrorKind::InvalidData);
        let mut short: &[u8] = &[1, 0, 0, 0, 9];
        assert_eq!(next::<Answer>(&mut short).await.unwrap_err().kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn commands_and_notices_are_lines_that_a_person_can_read() {
        let json = serde_json::to_string(&Command::Start(vec![(NodeId(1), 4000)])).unwrap();
        assert_eq!(json, r#"{"start":[[1,4000]]}"#);
        let json = serde_json::to_string(&Notice::Mark { name: "voted".into(), waits: true }).unwrap();
        assert_eq!(json, r#"{"mark":{"name":"voted","waits":true}}"#);
    }
}
