//! Starting a server again at the address it has just left.

use windlass_reactor::net::{TcpListener, TcpStream};

use super::kit::{drive, reactor};

// SRV-05
#[test]
fn a_restarted_server_binds_although_old_connections_linger() {
    let (mut reactor, _here) = reactor();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let client = drive(&mut reactor, TcpStream::connect(address)).unwrap();
    let (server, _) = drive(&mut reactor, listener.accept()).unwrap();
    drop((listener, server)); // this side closes first: its end lingers
    drop(client);
    let again = TcpListener::bind(address).unwrap();
    assert_eq!(again.local_addr().unwrap(), address);
}
