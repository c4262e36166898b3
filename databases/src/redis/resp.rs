//! Redis's own notation over one connection that is dialled from wherever a host says, with a deadline for each request. As in
//! [`crate::wire`], a request of which no byte was sent certainly did nothing, and of any other nobody knows.

use crate::wire::{Lost, unsent};
use harness::Reason;
use hosts::Dialer;
pub use redis_protocol::resp2::types::OwnedFrame as Frame;
use redis_protocol::resp2::{decode::decode, encode::encode, types::Resp2Frame};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// A command, word by word.
pub type Command = Vec<String>;

/// A command of these words.
pub fn command<W: Into<String>>(words: impl IntoIterator<Item = W>) -> Command {
    words.into_iter().map(Into::into).collect()
}

/// One connection to one address, made when it is needed.
pub struct Line {
    dialer: Dialer,
    to: SocketAddr,
    stream: Option<TcpStream>,
}

impl Line {
    /// A line that is not connected yet.
    pub fn new(dialer: Dialer, to: SocketAddr) -> Line {
        Line { dialer, to, stream: None }
    }

    /// Whether there is a connection that the other side has not closed.
    pub fn stands(&self) -> bool {
        let Some(stream) = &self.stream else { return false };
        let quiet = stream.set_nonblocking(true).and_then(|()| stream.peek(&mut [0]));
        // Nothing is to come before somebody asks: neither an end nor a byte.
        let quiet = matches!(quiet, Err(error) if error.kind() == ErrorKind::WouldBlock);
        quiet && stream.set_nonblocking(false).is_ok()
    }

    /// Sends commands at once and reads an answer for each, until `deadline`. A line that lost an answer is not used again.
    ///
    /// # Errors
    /// Where an answer is missing.
    pub fn ask(&mut self, commands: &[Command], deadline: Instant) -> Result<Vec<Frame>, Lost> {
        if !self.stands() {
            self.stream = None;
            let stream = self.dialer.connect(self.to, left(deadline)).map_err(|error| unsent(&error))?;
            self.stream = Some(stream);
        }
        let stream = self.stream.as_mut().expect("it was connected");
        let answers = send(stream, commands, deadline).and_then(|()| receive(stream, commands.len(), deadline));
        if answers.is_err() {
            self.stream = None;
        }
        answers
    }
}

/// What is left until a deadline; a time-out of zero would be none.
fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1))
}

fn send(stream: &mut TcpStream, commands: &[Command], deadline: Instant) -> Result<(), Lost> {
    let bytes: Vec<u8> = commands.iter().flat_map(written).collect();
    let mut sent = 0;
    while sent < bytes.len() {
        let wrote = stream.set_write_timeout(Some(left(deadline))).and_then(|()| stream.write(&bytes[sent..]));
        match wrote {
            Ok(count) => sent += count,
            Err(error) if sent == 0 => return Err(unsent(&error)),
            Err(error) => return Err(Lost::Open(reason(&error))),
        }
    }
    Ok(())
}

fn written(command: &Command) -> Vec<u8> {
    let words = command.iter().map(|word| Frame::BulkString(word.clone().into_bytes())).collect();
    let frame = Frame::Array(words);
    let mut bytes = vec![0; frame.encode_len(false)];
    let length = encode(&mut bytes, &frame, false).expect("the buffer is as long as the frame");
    bytes.truncate(length);
    bytes
}

fn receive(stream: &mut TcpStream, count: usize, deadline: Instant) -> Result<Vec<Frame>, Lost> {
    let (mut bytes, mut answers, mut chunk) = (Vec::new(), Vec::new(), [0; 1 << 16]);
    while answers.len() < count {
        let parsed = decode(&bytes).map_err(|error| {
            Lost::Open(Reason::Unavailable(format!("the answer is none in Redis's notation: {}", error.details())))
        })?;
        if let Some((frame, length)) = parsed {
            answers.push(frame);
            bytes.drain(..length);
            continue;
        }
        if Instant::now() >= deadline {
            return Err(Lost::Open(Reason::TimedOut));
        }
        match stream.set_read_timeout(Some(left(deadline))).and_then(|()| stream.read(&mut chunk)) {
            Ok(0) => return Err(Lost::Open(Reason::Unavailable("the connection was closed".to_string()))),
            Ok(read) => bytes.extend(&chunk[..read]),
            Err(error) => return Err(Lost::Open(reason(&error))),
        }
    }
    Ok(answers)
}

fn reason(error: &std::io::Error) -> Reason {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => Reason::TimedOut,
        _ => Reason::Unavailable(format!("the connection broke: {error}")),
    }
}

/// The text of an answer that is one.
pub fn text(frame: &Frame) -> Option<String> {
    match frame {
        Frame::SimpleString(bytes) | Frame::BulkString(bytes) => String::from_utf8(bytes.clone()).ok(),
        Frame::Integer(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The answers within an answer.
pub fn list(frame: &Frame) -> &[Frame] {
    if let Frame::Array(frames) = frame { frames } else { &[] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_an_array_of_its_words() {
        assert_eq!(
            written(&command(["SET", "a", "ä\r\n"])),
            "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$4\r\nä\r\n\r\n".as_bytes()
        );
    }

    #[test]
    fn answers_are_read_however_they_come_in_pieces_and_an_end_is_unknown() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let mut near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut far, _) = listener.accept().unwrap();
        let speaks = std::thread::spawn(move || {
            for piece in ["+O", "K\r\n*2\r\n$1\r\nx\r", "\n$-1\r\n-READONLY no", "thing\r\n:7\r\n"] {
                far.write_all(piece.as_bytes()).unwrap();
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        let deadline = Instant::now() + Duration::from_secs(5);
        let answers = receive(&mut near, 3, deadline).unwrap();
        let pair = Frame::Array(vec![Frame::BulkString(b"x".to_vec()), Frame::Null]);
        assert_eq!(answers, [Frame::SimpleString(b"OK".to_vec()), pair, Frame::Error("READONLY nothing".to_string())]);
        speaks.join().unwrap();
        assert!(matches!(receive(&mut near, 2, deadline), Err(Lost::Open(_))), "one is missing");
    }
}
