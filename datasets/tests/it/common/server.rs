//! Small HTTP server on the loopback address that imitates faults of mirrors.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// Behaviour of the server.
#[derive(Clone)]
pub(crate) struct Behaviour {
    /// True if it supports byte ranges.
    pub(crate) ranges: bool,
    /// Number of bytes after which the server closes the connection, if any.
    pub(crate) cut: Option<usize>,
    /// Number of responses that are cut.
    pub(crate) cuts: usize,
    /// Number of initial requests that get status 503.
    pub(crate) refusals: usize,
    /// True if responses contain their length.
    pub(crate) announce: bool,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self { ranges: false, cut: None, cuts: usize::MAX, refusals: 0, announce: true }
    }
}

/// Server that runs until dropped.
pub(crate) struct Server {
    port: u16,
    requests: Arc<Mutex<Vec<String>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub(crate) fn start(files: Vec<(String, Vec<u8>)>, mut behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let (note, stopped) = (Arc::clone(&requests), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                // A client that closes the connection early is not an error of the server.
                drop(answer(stream.unwrap(), &files, &mut behaviour, &note));
            }
        });
        Self { port, requests, stop, thread: Some(thread) }
    }

    pub(crate) fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Path and range of each request.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Wakes the thread.
        drop(TcpStream::connect(("127.0.0.1", self.port)));
        self.thread.take().unwrap().join().unwrap();
    }
}

fn answer(
    mut stream: TcpStream,
    files: &[(String, Vec<u8>)],
    behaviour: &mut Behaviour,
    requests: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let mut head = Vec::new();
    for line in BufReader::new(stream.try_clone()?).lines() {
        match line? {
            line if line.is_empty() => break,
            line => head.push(line),
        }
    }
    let path = head
        .first()
        .and_then(|line| line.split(' ').nth(1))
        .unwrap_or_default()
        .trim_start_matches('/');
    let range =
        head.iter().find_map(|line| line.to_lowercase().strip_prefix("range: ").map(str::to_owned));
    requests.lock().unwrap().push(format!("{path} {}", range.clone().unwrap_or_default()));
    let status = |status: &str| {
        format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    };
    if behaviour.refusals > 0 {
        behaviour.refusals -= 1;
        return stream.write_all(status("503 Service Unavailable").as_bytes());
    }
    let Some((_, bytes)) = files.iter().find(|(name, _)| name == path) else {
        return stream.write_all(status("404 Not Found").as_bytes());
    };
    let start = range.filter(|_| behaviour.ranges).map(|range| first_byte(&range));
    if start.is_some_and(|start| start >= bytes.len()) {
        return stream.write_all(status("416 Range Not Satisfiable").as_bytes());
    }
    let body = &bytes[start.unwrap_or(0)..];
    let first_lines = match start {
        Some(start) => format!(
            "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {start}-{}/{0}\r\n",
            bytes.len()
        ),
        None => "HTTP/1.1 200 OK\r\n".to_owned(),
    };
    let length = if behaviour.announce {
        format!("Content-Length: {}\r\n", body.len())
    } else {
        String::new()
    };
    stream.write_all(format!("{first_lines}{length}Connection: close\r\n\r\n").as_bytes())?;
    match behaviour.cut.filter(|cut| *cut < body.len() && behaviour.cuts > 0) {
        Some(cut) => {
            behaviour.cuts -= 1;
            stream.write_all(&body[..cut])
        }
        None => stream.write_all(body),
    }
}

/// First byte requested by `bytes=FIRST-`.
fn first_byte(range: &str) -> usize {
    range.trim_start_matches("bytes=").trim_end_matches('-').parse().unwrap()
}
