//! What can be bound and connected to, without asking anybody for a name.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

/// An internet address with a port, given in any of the usual ways.
///
/// Text must be a literal such as `127.0.0.1:80` or `[::1]:80`. Resolving a name takes a blocking
/// call of the system's, which has no place here: `windlass::net::lookup_host` makes it on the
/// blocking pool.
///
/// # Examples
/// ```
/// use windlass_reactor::net::ToAddress;
/// assert_eq!("127.0.0.1:80".to_address().unwrap(), ([127, 0, 0, 1], 80).into());
/// assert!("localhost:80".to_address().unwrap_err().to_string().contains("localhost:80"));
/// ```
pub trait ToAddress {
    /// The address.
    ///
    /// # Errors
    /// `InvalidInput` if it is text and not a literal; the error quotes it.
    fn to_address(&self) -> io::Result<SocketAddr>;
}

macro_rules! convertible {
    ($($type:ty),+) => {$(
        impl ToAddress for $type {
            fn to_address(&self) -> io::Result<SocketAddr> {
                Ok((*self).into())
            }
        }
    )+};
}

convertible!(
    SocketAddr,
    SocketAddrV4,
    SocketAddrV6,
    (IpAddr, u16),
    (Ipv4Addr, u16),
    (Ipv6Addr, u16),
    ([u8; 4], u16)
);

impl ToAddress for str {
    fn to_address(&self) -> io::Result<SocketAddr> {
        self.parse().map_err(|_| {
            let text = format!(
                "{self:?} is not an address with a port, such as 127.0.0.1:80 (names must be \
                 resolved first)"
            );
            io::Error::new(ErrorKind::InvalidInput, text)
        })
    }
}

impl ToAddress for String {
    fn to_address(&self) -> io::Result<SocketAddr> {
        self.as_str().to_address()
    }
}

impl<A: ToAddress + ?Sized> ToAddress for &A {
    fn to_address(&self) -> io::Result<SocketAddr> {
        (**self).to_address()
    }
}
