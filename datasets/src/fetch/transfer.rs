//! HTTP request that resumes at the end of a partial file.

use std::io::{Read, Write};
use std::net::IpAddr;
use std::time::Duration;

use ureq::http::{HeaderMap, Uri, header};
use ureq::{Agent, Body};

use super::{Progress, TransferError};
use crate::error::{Error, io};
use crate::install::PartFile;
use crate::manifest::Download;

/// Timeout of the connection, of the response and of each read.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Maximum length of a download of unknown length.
const MAX_BYTES: u64 = 1 << 30;
/// Number of bytes per read.
const CHUNK: usize = 64 * 1024;

/// Failure of a transfer, by its origin.
pub(super) enum Failure {
    /// Failure of the local machine; other mirrors cannot help.
    Local(Error),
    /// Failure of the mirror or of the connection to it.
    Remote(TransferError),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Local(error)
    }
}

impl From<TransferError> for Failure {
    fn from(error: TransferError) -> Self {
        Self::Remote(error)
    }
}

/// HTTP client.
pub(super) struct Client(Agent);

impl Client {
    pub(super) fn new() -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(TIMEOUT))
            .timeout_recv_response(Some(TIMEOUT))
            .timeout_per_read(Some(TIMEOUT))
            .user_agent(concat!("isobath/", env!("CARGO_PKG_VERSION")))
            .build();
        Self(config.into())
    }

    /// Appends the missing bytes to the partial file, or restarts if the server does not support ranges.
    pub(super) fn transfer(
        &self,
        address: &str,
        download: &Download,
        part: &PartFile,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), Failure> {
        let limit = download
            .bytes
            .map_or(MAX_BYTES, |bytes| bytes.saturating_mul(2).saturating_add(1 << 20));
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

    /// Requests the missing bytes; returns the offset at which the response starts, after truncating the part to it.
    fn request(&self, address: &str, part: &PartFile) -> Result<(u64, Body), Failure> {
        let have = part.len()?;
        let mut request = self.0.get(address).header(header::ACCEPT_ENCODING, "identity");
        if have > 0 {
            request = request.header(header::RANGE, format!("bytes={have}-"));
        }
        // A proxy cannot reach a server on the local machine.
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
            // The part is longer than the file, so it belongs to another file.
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
    part: &PartFile,
    start: u64,
    limit: u64,
    progress: &mut dyn FnMut(u64),
) -> Result<u64, Failure> {
    let mut reader = body.into_reader();
    let mut chunk = vec![0; CHUNK];
    let mut received = start;
    loop {
        match reader.read(&mut chunk) {
            Ok(0) => return Ok(received),
            Ok(n) => {
                (&part.file).write_all(&chunk[..n]).map_err(io("write", &part.path))?;
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

/// Position of the first byte in a response with `Content-Range: bytes FIRST-LAST/TOTAL`.
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
    fn only_byte_ranges_are_parsed() {
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
    fn loopback_addresses_are_recognised() {
        let own = ["http://127.0.0.1:80/x", "http://localhost/x", "http://[::1]:8000/x"];
        assert!(own.into_iter().all(is_loopback));
        assert!(
            !["https://example.org/127.0.0.1", "http://127.0.0.1.example.org/", ""]
                .into_iter()
                .any(is_loopback)
        );
    }
}
