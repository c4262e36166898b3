//! JSON over one HTTP connection that is dialled from wherever a host says, with a deadline for each request, and with an exact
//! word for what is lost: a request of which no byte was sent certainly did nothing, and of any other nobody knows.

use harness::{Outcome, Reason};
use hosts::Dialer;
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::http::response::Parts;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout_at;

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lost {
    /// Nothing was sent, so nothing happened.
    Unsent(Reason),
    /// It may have arrived.
    Open(Reason),
}

impl Lost {
    /// The same of what changes nothing, or was asked before a byte of the change was sent.
    pub fn for_certain(self) -> Lost {
        match self {
            Lost::Open(reason) | Lost::Unsent(reason) => Lost::Unsent(reason),
        }
    }
}

impl From<Lost> for Outcome {
    fn from(lost: Lost) -> Outcome {
        match lost {
            Lost::Unsent(reason) => Outcome::Failed(reason),
            Lost::Open(reason) => Outcome::Unknown(reason),
        }
    }
}

/// What stands for the failure of a connection that was never made.
pub fn unsent(error: &io::Error) -> Lost {
    Lost::Unsent(match error.kind() {
        io::ErrorKind::ConnectionRefused => Reason::Refused,
        _ => Reason::Unavailable(format!("no connection: {error}")),
    })
}

/// One connection to one address, made when it is needed.
pub struct Line {
    dialer: Dialer,
    to: SocketAddr,
    runtime: Runtime,
    sender: Option<SendRequest<Full<Bytes>>>,
}

impl Line {
    /// A line that is not connected yet.
    ///
    /// # Panics
    /// If the machine gives no event queue.
    pub fn new(dialer: Dialer, to: SocketAddr) -> Line {
        let runtime = Builder::new_current_thread().enable_all().build().expect("an event queue");
        Line { dialer, to, runtime, sender: None }
    }

    /// Posts JSON and reads JSON, until `deadline`. A line that lost an answer is not used again.
    ///
    /// # Errors
    /// Where no answer was read.
    pub fn post(&mut self, path: &str, body: &Value, deadline: Instant) -> Result<(StatusCode, Value), Lost> {
        self.exchange(path, body, deadline).map(|(head, value)| (head.status, value))
    }

    /// Posts JSON and reads only when the answer was written, by the server's own clock in whole seconds.
    ///
    /// # Errors
    /// Where no answer was read, or one without a date.
    pub fn date(&mut self, path: &str, body: &Value, deadline: Instant) -> Result<SystemTime, Lost> {
        let (head, _) = self.exchange(path, body, deadline)?;
        let date = head.headers.get(hyper::header::DATE).and_then(|date| date.to_str().ok());
        let date = date.and_then(|date| httpdate::parse_http_date(date).ok());
        date.ok_or_else(|| Lost::Open(Reason::Unavailable("the answer had no date".to_string())))
    }

    fn exchange(&mut self, path: &str, body: &Value, deadline: Instant) -> Result<(Parts, Value), Lost> {
        self.connect(deadline)?;
        let sender = self.sender.as_mut().expect("it was connected");
        let request = Request::post(path)
            .header(hyper::header::HOST, self.to.to_string())
            .header(hyper::header::CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body.to_string())))
            .expect("a path and headers that are plain words");
        let asked = async {
            let response = sender.send_request(request).await.map_err(broken)?;
            let (head, body) = response.into_parts();
            let bytes = body.collect().await.map_err(broken)?.to_bytes();
            let words = || Lost::Open(Reason::Unavailable("the answer was no JSON".to_string()));
            serde_json::from_slice(&bytes).map(|value| (head, value)).map_err(|_| words())
        };
        let answer = self.runtime.block_on(async { timeout_at(deadline.into(), asked).await });
        let answer = answer.unwrap_or(Err(Lost::Open(Reason::TimedOut)));
        if answer.is_err() {
            self.sender = None;
        }
        answer
    }

    /// Sees to it that there is a connection on which nothing is under way.
    fn connect(&mut self, deadline: Instant) -> Result<(), Lost> {
        // What the other side has closed meanwhile is seen only once its task has run.
        self.runtime.block_on(tokio::task::yield_now());
        if self.sender.as_ref().is_some_and(|sender| sender.is_ready() && !sender.is_closed()) {
            return Ok(());
        }
        let patience = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        let stream = self.dialer.connect(self.to, patience).map_err(|error| unsent(&error))?;
        let begun = self.runtime.block_on(async {
            stream.set_nonblocking(true)?;
            let stream = TcpStream::from_std(stream)?;
            let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
            tokio::spawn(connection);
            Ok(sender)
        });
        self.sender = Some(begun.map_err(|error: io::Error| unsent(&error))?);
        Ok(())
    }
}

fn broken(error: hyper::Error) -> Lost {
    let reason = Reason::Unavailable(format!("the connection broke: {error}"));
    // hyper takes a request back that it had not begun to write.
    if error.is_canceled() { Lost::Unsent(reason) } else { Lost::Open(reason) }
}
