//! Where a server is, and the way there.

use std::io::{Error, ErrorKind, Result};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use rustix::net::sockopt;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_postgres::Config;
use tokio_postgres::config::Host;
use windlass::net::{TcpStream, UnixStream, lookup_host};
use windlass_compat::Io;

/// PostgreSQL's.
const DEFAULT_PORT: u16 = 5432;

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Address {
    /// On a port of the network.
    Tcp(SocketAddr),
    /// On a file.
    Unix(PathBuf),
}

/// A way to a server, whatever it is made of.
pub(super) trait Way: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Way for S {}

impl Address {
    /// Connects to it. The options of TCP are those of the URL.
    pub(super) async fn dial(&self, config: &Config) -> Result<Box<dyn Way>> {
        Ok(match self {
            Address::Unix(path) => Box::new(Io::new(UnixStream::connect(path)?)),
            Address::Tcp(address) => {
                let stream = TcpStream::connect(address).await?;
                set_options(&stream, config)?;
                Box::new(Io::new(stream))
            }
        })
    }
}

/// Where the URL says that servers listen, in its order.
pub(super) async fn addresses(config: &Config) -> Result<Vec<Address>> {
    let (hosts, ports) = (config.get_hosts(), config.get_ports());
    let port = |at: usize| ports.get(at).or(ports.first()).copied().unwrap_or(DEFAULT_PORT);
    let mut found = Vec::new();
    if !config.get_hostaddrs().is_empty() {
        let addresses = config.get_hostaddrs().iter().enumerate();
        found.extend(addresses.map(|(at, ip)| Address::Tcp((*ip, port(at)).into())));
        return Ok(found);
    }
    let mut failed = None;
    for (at, host) in hosts.iter().enumerate() {
        match host {
            Host::Unix(folder) => {
                found.push(Address::Unix(folder.join(format!(".s.PGSQL.{}", port(at)))));
            }
            // A number needs no thread that asks the resolver.
            Host::Tcp(name) => match name.parse::<IpAddr>() {
                Ok(ip) => found.push(Address::Tcp((ip, port(at)).into())),
                Err(_) => match lookup_host(format!("{name}:{}", port(at))).await {
                    Ok(all) => found.extend(all.into_iter().map(Address::Tcp)),
                    Err(error) => failed = Some(error),
                },
            },
        }
    }
    match (found.is_empty(), failed) {
        (false, _) => Ok(found),
        (true, Some(error)) => Err(error),
        (true, None) => Err(Error::new(ErrorKind::InvalidInput, "the URL names no host")),
    }
}

fn set_options(stream: &TcpStream, config: &Config) -> Result<()> {
    stream.set_nodelay(true)?; // commands are short, and somebody waits for each
    stream.set_keepalive(config.get_keepalives())?;
    if config.get_keepalives() {
        #[cfg(not(target_os = "openbsd"))]
        sockopt::set_tcp_keepidle(stream, config.get_keepalives_idle())?;
        #[cfg(not(target_os = "openbsd"))]
        if let Some(interval) = config.get_keepalives_interval() {
            sockopt::set_tcp_keepintvl(stream, interval)?;
        }
        #[cfg(not(target_os = "openbsd"))]
        if let Some(count) = config.get_keepalives_retries() {
            sockopt::set_tcp_keepcnt(stream, count)?;
        }
    }
    #[cfg(target_os = "linux")]
    if let Some(limit) = config.get_tcp_user_timeout() {
        let limit_ms = u32::try_from(limit.as_millis()).unwrap_or(u32::MAX);
        sockopt::set_tcp_user_timeout(stream, limit_ms)?;
    }
    Ok(())
}
