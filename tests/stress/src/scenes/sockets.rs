//! Connections on this machine, some of them cut off.

use std::io;
use std::sync::Arc;

use windlass::net::{TcpListener, TcpStream};
use windlass::spawn;
use windlass::task::{JoinSet, Task};
use windlass::time::timeout;

use crate::lives::Lives;
use crate::random::{Random, a_few_polls};
use crate::sabotage::Sabotage;

/// Whatever is sent to a server that echoes comes back as it went, until somebody hangs up; and then
/// the other end hears of it.
pub async fn bytes_come_back_as_they_went(mut random: Random) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a port");
    let address = listener.local_addr().expect("it is bound");
    let handlers = Lives::default();
    let server = spawn(accept(listener, handlers.clone(), random.split()));
    let clients: Vec<Task<()>> = (0..random.between(1, 6))
        .map(|_| {
            let mut random = random.split();
            spawn(async move {
                for _ in 0..random.between(1, 3) {
                    if random.hits_one_in(8) {
                        drop(a_few_polls(&mut TcpStream::connect(address), &mut random).await);
                        continue;
                    }
                    let stream = TcpStream::connect(address).await.expect("it listens");
                    talk(stream, random.split()).await;
                }
            })
        })
        .collect();
    for client in clients {
        if random.hits_one_in(6) {
            // Not merely dropped: it would see the end of the server.
            if let Err(error) = client.cancel().await {
                assert!(error.is_cancelled(), "{error}");
            }
        } else {
            client.await.expect("nobody cancels it");
        }
    }
    assert!(server.cancel().await.is_err(), "it accepts for ever");
    handlers.over().await; // all of their clients are gone
}

async fn accept(listener: TcpListener, handlers: Lives, mut random: Random) {
    let mut set = JoinSet::new();
    loop {
        let accepted = if random.hits_one_in(4) {
            match a_few_polls(&mut listener.accept(), &mut random).await {
                Some(accepted) => accepted,
                None => continue,
            }
        } else {
            listener.accept().await
        };
        let Ok((stream, _)) = accepted else { continue };
        let (life, random) = (handlers.begin(), random.split());
        set.spawn(async move {
            let _life = life;
            // An end that was cut off is an error of the connection, not ours.
            let _ = echo(stream, random).await;
        });
        while set.try_join_next().is_some() {}
        if random_detaches(&set) {
            set.detach_all();
        }
    }
}

/// Now and then the handlers are let go, so that some outlive their server.
fn random_detaches(set: &JoinSet<()>) -> bool {
    set.len() > 3
}

async fn echo(stream: TcpStream, mut random: Random) -> io::Result<()> {
    let mut buffer = [0; 512];
    loop {
        let room = random.between(1, buffer.len());
        let first = a_few_polls(&mut stream.read(&mut buffer[..room]), &mut random).await;
        let read = match first {
            Some(read) => read?,
            None => stream.read(&mut buffer[..room]).await?,
        };
        if read == 0 {
            return Ok(());
        }
        if Sabotage::FlipByte.is_on() {
            buffer[0] ^= 1;
        }
        stream.write_all(&buffer[..read]).await?;
    }
}

/// Sends from one task, receives in another, and hangs up in the middle now and then.
async fn talk(stream: TcpStream, mut random: Random) {
    let stream = Arc::new(stream);
    let length = random.between(1, 20_000);
    let cut = if random.hits_one_in(4) { random.below(length) } else { length };
    let salt = random.below(256);
    let sent = stream.clone();
    let mut its_own = random.split();
    let sends = spawn(async move {
        let mut at = 0;
        while at < length {
            let count = its_own.between(1, 700).min(length - at);
            let piece: Vec<u8> = (at..at + count).map(|at| byte(at, salt)).collect();
            sent.write_all(&piece).await?;
            at += count;
            its_own.pause().await;
        }
        io::Result::Ok(())
    });
    let mut buffer = [0; 700];
    let mut at = 0;
    while at < cut {
        let room = random.between(1, buffer.len());
        let read = if random.hits_one_in(8) {
            match timeout(random.micros(300), stream.read(&mut buffer[..room])).await {
                Ok(read) => read,
                Err(_elapsed) => continue, // which has taken nothing
            }
        } else {
            stream.read(&mut buffer[..room]).await
        };
        let read = read.expect("the server goes on");
        assert!(read > 0, "the server has hung up");
        for (offset, got) in buffer[..read].iter().enumerate() {
            assert_eq!(*got, byte(at + offset, salt), "a byte has changed on its way");
        }
        at += read;
    }
    if cut == length {
        assert_eq!(at, length, "more came back than went");
        sends.await.expect("nobody cancels it").expect("the server goes on");
    }
}

/// The byte at that place of a stream.
fn byte(at: usize, salt: usize) -> u8 {
    (at * 31 + salt + at / 256) as u8
}
