//! A node's sockets: one listener for peers and clients, one outgoing connection for each link.

use super::wire::{Answer, Hello, Request, Speaker, content, frame, next, next_frame};
use harness::{NodeId, Op, RequestId};
use std::io;
use std::sync::mpsc::Sender as Arrivals;
use std::time::Duration;
use store::Wire;
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::tcp::OwnedWriteHalf;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::mpsc::{Receiver, Sender, UnboundedReceiver, UnboundedSender, channel, unbounded_channel};

/// Messages that may wait for a connection; more are lost, as links may do.
const WAITING: usize = 8192;
const BACK_OFF: Duration = Duration::from_millis(5);

/// What reaches the node's thread.
#[derive(Debug)]
pub enum Arrival<M> {
    /// Begin, with these links.
    Start(Vec<(NodeId, u16)>),
    /// A peer said something.
    Peer(NodeId, M),
    /// A client asks; where its answers go.
    Request(RequestId, Op, UnboundedSender<Answer>),
    /// So many more records are durable.
    Persisted(usize),
    /// Somebody wants to know a digest of the data.
    Digest,
    /// Clocks have changed: look at the timers again.
    Wake,
}

/// The listener and what it runs on.
pub struct Sockets {
    runtime: Runtime,
    run: u64,
    me: NodeId,
    /// On loopback.
    pub port: u16,
}

impl Sockets {
    /// Listens on a free port of loopback; what comes is sent to `arrivals`.
    pub fn listen<M: Wire + 'static>(run: u64, me: NodeId, arrivals: Arrivals<Arrival<M>>) -> io::Result<Sockets> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", 0)))?;
        let port = listener.local_addr()?.port();
        runtime.spawn(async move {
            loop {
                match listener.accept().await {
                    Ok((stream, _)) => drop(tokio::spawn(meet(stream, run, me, arrivals.clone()))),
                    Err(error) => {
                        eprintln!("a connection could not be accepted: {error}");
                        tokio::time::sleep(BACK_OFF).await;
                    }
                }
            }
        });
        Ok(Sockets { runtime, run, me, port })
    }

    /// A queue of frames for the link to `to`, whose proxy listens on `port`.
    pub fn link(&self, to: NodeId, port: u16) -> Sender<Vec<u8>> {
        let (sender, frames) = channel(WAITING);
        self.runtime.spawn(speak(port, Hello { run: self.run, to, from: Speaker::Peer(self.me) }, frames));
        sender
    }
}

/// Hears out whoever connects, and says in the log what made no sense.
async fn meet<M: Wire>(stream: TcpStream, run: u64, me: NodeId, arrivals: Arrivals<Arrival<M>>) {
    if let Err(error) = hear(stream, run, me, arrivals).await
        && error.kind() == io::ErrorKind::InvalidData
    {
        eprintln!("a connection was closed because what it carried made no sense: {error}");
    }
}

async fn hear<M: Wire>(stream: TcpStream, run: u64, me: NodeId, arrivals: Arrivals<Arrival<M>>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (read, write) = stream.into_split();
    let mut read = BufReader::new(read);
    let speaker = match next::<Hello>(&mut read).await? {
        Some(hello) if hello.run == run && hello.to == me => hello.from,
        _ => return Ok(()),
    };
    match speaker {
        Speaker::Peer(from) => {
            while let Some(frame) = next_frame(&mut read).await? {
                if arrivals.send(Arrival::Peer(from, content(&frame)?)).is_err() {
                    break;
                }
            }
        }
        Speaker::Client(_) => {
            let (replies, answers) = unbounded_channel();
            tokio::spawn(answer(write, answers));
            while let Some((id, op)) = next::<Request>(&mut read).await? {
                if arrivals.send(Arrival::Request(id, op, replies.clone())).is_err() {
                    break;
                }
            }
        }
    }
    Ok(())
}

async fn answer(mut to: OwnedWriteHalf, mut answers: UnboundedReceiver<Answer>) {
    while let Some(answer) = answers.recv().await {
        if to.write_all(&frame(&answer)).await.is_err() {
            break;
        }
    }
}

/// Sends frames over one connection, in order, and connects again when it breaks.
async fn speak(port: u16, hello: Hello, mut frames: Receiver<Vec<u8>>) {
    loop {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)).await else {
            tokio::time::sleep(BACK_OFF).await;
            continue;
        };
        let mut batch = frame(&hello);
        while stream.set_nodelay(true).is_ok() && stream.write_all(&batch).await.is_ok() {
            let Some(first) = frames.recv().await else { return };
            batch = first;
            while let Ok(more) = frames.try_recv() {
                batch.extend(more);
            }
        }
        tokio::time::sleep(BACK_OFF).await;
    }
}
