//! Addresses to listen on.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::str::FromStr;

use socket2::SockRef;

use super::Unservable;

/// Size in bytes of the send buffer of a connection. Otherwise the kernel keeps up to 4 MiB for a caller that does not read, and
/// counts them as memory of the container.
const SEND_BUFFER: usize = 32 * 1024;

/// One address with a port, or all addresses with a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Address {
    /// All IPv6 and IPv4 addresses of the machine, such as `:8080`.
    All(u16),
    /// One address, such as `127.0.0.1:8080` or `[::1]:8080`.
    One(SocketAddr),
}

/// Error for a text that is not an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a valid address; write :PORT for every address, or ADDRESS:PORT such as 127.0.0.1:8080 or [::1]:8080")]
pub struct InvalidAddress;

impl FromStr for Address {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        match text.strip_prefix(':') {
            Some(port) => port.parse().map(Self::All).map_err(|_| InvalidAddress),
            None => text.parse().map(Self::One).map_err(|_| InvalidAddress),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All(port) => write!(f, ":{port}"),
            Self::One(address) => address.fmt(f),
        }
    }
}

impl Address {
    /// Starts to listen on the address.
    pub(super) fn listen(self) -> Result<TcpListener, Unservable> {
        let listener = match self {
            // An IPv6 socket accepts IPv4 too. Machines without IPv6 need an IPv4 socket.
            Self::All(port) => TcpListener::bind((Ipv6Addr::UNSPECIFIED, port)).or_else(|error| match error.kind() {
                std::io::ErrorKind::AddrInUse | std::io::ErrorKind::PermissionDenied => Err(error),
                _ => TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)),
            }),
            Self::One(address) => TcpListener::bind(address),
        };
        let ready = listener.and_then(|listener| {
            // Accepted connections inherit the size.
            SockRef::from(&listener).set_send_buffer_size(SEND_BUFFER)?;
            listener.set_nonblocking(true)?;
            Ok(listener)
        });
        ready.map_err(|error| Unservable::Address { address: self, error })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(":8080")]
    #[case("127.0.0.1:8080")]
    #[case("[::1]:8080")]
    fn an_address_reads_as_it_is_written(#[case] text: &str) {
        assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
    }

    #[rstest]
    #[case("8080")]
    #[case(":metrics")]
    #[case(":70000")]
    #[case("localhost:8080")]
    #[case("0.0.0.0")]
    #[case("")]
    fn what_is_no_address_is_refused(#[case] text: &str) {
        assert_eq!(text.parse::<Address>(), Err(InvalidAddress));
    }

    #[test]
    fn every_address_means_that_of_ipv4_too_and_a_port_is_listened_on_once() {
        let listener = Address::All(0).listen().unwrap();
        let port = listener.local_addr().unwrap().port();
        std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        let taken = Address::All(port).listen().unwrap_err();
        assert!(taken.to_string().contains(&format!("cannot listen on :{port}")), "{taken}");
    }
}
