//! One HTTP request that goes on where a part of the file ends.

use std::io::{Read, Write};
use std::net::IpAddr;
use std::time::Duration;

use ureq::http::{HeaderMap, Uri, header};
use ureq::{Agent, Body};

use super::{Progress, TransferError};
use crate::error::{Error, io};
use crate::install::Part;
use crate::manifest::Download;

/// How long a connection, an answer or the next bytes may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// The longest download of unknown length.
const MOST_BYTES: u64 = 1 << 30;
/// Bytes taken from the connection at once.
const PIECE: usize = 64 * 1024;

/// Who is to blame.
pub(super) enum Trouble {
    /// This machine: nothing else needs to be tried.
    Here(Error),
    /// The mirror or the way to it.
    There(TransferError),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Here(error)
    }
}

impl From<TransferError> for Trouble {
    fn from(error: TransferError) -> Self {
        Self::There(error)
    }
}

/// Makes requests.
pub(super) struct Client(Agent);

impl Client {
    pub(super) fn new() -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(PATIENCE))
            .timeout_recv_response(Some(PATIENCE))
            .timeout_per_read(Some(PATIENCE))
            .user_agent(concat!("isobath/", env!("CARGO_PKG_VERSION")))
            .build();
        Self(config.into())
    }

    /// Appends to the part what it lacks, or begins anew if the server knows only whole files.
    pub(super) fn transfer(
        &self,
        address: &str,
        download: &Download,
        part: &Part,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), Trouble> {
        let limit = download
            .bytes
            .map_or(MOST_BYTES, |bytes| bytes.saturating_mul(2).saturating_add(1 << 20));
        let (start, body) = self.request(address, part)?;
        let total = body.content_length().map(|rest| start.saturating_add(rest));
        if total.is_some_and(|total| total > limit) {
            return Err(TransferError::TooLarge { limit }.into());
        }
        let file = &download.name;
        progress(Progress::Started {
            file,
            address,
            resumed_at: start,
            total: total.or(download.bytes),
        });
        let received = receive(body, part, start, limit, &mut |bytes| {
            progress(Progress::Received { file, bytes, total: total.or(download.bytes) });
        })?;
        match total {
            Some(total) if received < total => {
                Err(TransferError::Incomplete { received, total }.into())
            }
            _ => Ok(()),
        }
    }

    /// Asks for what the part lacks; says where in the file the answer begins, with the part cut to that length.
    fn request(&self, address: &str, part: &Part) -> Result<(u64, Body), Trouble> {
        let have = part.len()?;
        let mut request = self.0.get(address).header(header::ACCEPT_ENCODING, "identity");
        if have > 0 {
            request = request.header(header::RANGE, format!("bytes={have}-"));
        }
        // No proxy could reach a server on this very machine.
        if is_loopback(address) {
            request = request.config().proxy(None).build();
        }
        let response =
            request.call().map_err(|error| TransferError::Unreachable(Box::new(error)))?;
        match response.status().as_u16() {
            206 if have > 0 && range_start(response.headers()) == Some(have) => {
                Ok((have, response.into_body()))
            }
            200 => {
                part.clear()?;
                Ok((0, response.into_body()))
            }
            206 => {
                part.clear()?;
                Err(TransferError::WrongRange.into())
            }
            // The part is longer than the file, so it is a part of something else.
            status @ 416 => {
                part.clear()?;
                Err(TransferError::Status(status).into())
            }
            status => Err(TransferError::Status(status).into()),
        }
    }
}

/// Appends a body to a part of length `start`; returns the new length.
fn receive(
    body: Body,
    part: &Part,
    start: u64,
    limit: u64,
    progress: &mut dyn FnMut(u64),
) -> Result<u64, Trouble> {
    let mut reader = body.into_reader();
    let mut piece = vec![0; PIECE];
    let mut received = start;
    loop {
        match reader.read(&mut piece) {
            Ok(0) => return Ok(received),
            Ok(n) => {
                (&part.file).write_all(&piece[..n]).map_err(io("write", &part.path))?;
                received += n as u64;
            }
            Err(source) => return Err(TransferError::Interrupted { received, source }.into()),
        }
        if received > limit {
            part.clear()?;
            return Err(TransferError::TooLarge { limit }.into());
        }
        progress(received);
    }
}

/// The first byte's position in an answer with `Content-Range: bytes FIRST-LAST/TOTAL`.
fn range_start(headers: &HeaderMap) -> Option<u64> {
    let range = headers.get(header::CONTENT_RANGE)?.to_str().ok()?.strip_prefix("bytes ")?;
    range.split_once('-')?.0.trim().parse().ok()
}

fn is_loopback(address: &str) -> bool {
    let host = address.parse::<Uri>().ok().and_then(|uri| uri.host().map(str::to_owned));
    host.is_some_and(|host| {
        let ip = host.trim_matches(['[', ']']).parse::<IpAddr>();
        host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_byte_ranges_are_understood() {
        let start = |text: &str| {
            range_start(&HeaderMap::from_iter([(header::CONTENT_RANGE, text.parse().unwrap())]))
        };
        assert_eq!(start("bytes 100-199/200"), Some(100));
        assert_eq!(start("bytes 7-9/*"), Some(7));
        assert_eq!(start("bytes */200"), None);
        assert_eq!(start("lines 1-2/3"), None);
        assert_eq!(range_start(&HeaderMap::new()), None);
    }

    #[test]
    fn this_machine_is_recognised() {
        let own = ["http://127.0.0.1:80/x", "http://localhost/x", "http://[::1]:8000/x"];
        assert!(own.into_iter().all(is_loopback));
        assert!(
            !["https://example.org/127.0.0.1", "http://127.0.0.1.example.org/", ""]
                .into_iter()
                .any(is_loopback)
        );
    }
}
