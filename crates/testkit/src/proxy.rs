//! A TCP proxy on loopback, between a process and its server, whose network can be broken and mended while it runs.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

/// What the network does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// Passes everything on.
    Pass,
    /// Connections are reset, new ones too: nobody is there.
    Cut,
    /// Connections are accepted and kept, and nothing is passed on: somebody is there and says nothing.
    Stall,
    /// Each piece (of up to 16 KiB) waits so long.
    Delay(Duration),
    /// So many bytes a second, in each direction of each connection.
    Limit(u64),
}

const PIECE: usize = 16 << 10;
/// How often a connection looks whether the network has changed while nothing comes.
const LOOK: Duration = Duration::from_millis(50);

struct State {
    network: Network,
    /// Raised with every change: connections made before a cut are reset even if it was short.
    cuts: u64,
    stopped: bool,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    upstream: SocketAddr,
}

/// Dropped, it resets its connections and stops.
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Proxy {
    /// Listens on a free port of loopback and passes connections on to `upstream`, which need not answer yet.
    pub fn start(upstream: SocketAddr) -> io::Result<Proxy> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let state = Mutex::new(State { network: Network::Pass, cuts: 0, stopped: false });
        let shared = Arc::new(Shared { state, changed: Condvar::new(), upstream });
        thread::spawn({
            let shared = Arc::clone(&shared);
            move || accept(&listener, &shared)
        });
        Ok(Proxy { address, shared })
    }

    /// Where clients connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Changes the network at once, for open connections too.
    pub fn set(&self, network: Network) {
        let mut state = self.shared.state.lock();
        state.network = network;
        state.cuts += u64::from(network == Network::Cut);
        self.shared.changed.notify_all();
    }

    pub fn network(&self) -> Network {
        self.shared.state.lock().network
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        {
            let mut state = self.shared.state.lock();
            (state.stopped, state.network) = (true, Network::Cut);
            state.cuts += 1;
            self.shared.changed.notify_all();
        }
        // Wakes the listener, so that it sees that it is to stop.
        let _ = TcpStream::connect_timeout(&self.address, Duration::from_secs(1));
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for client in listener.incoming() {
        let (network, cuts, stopped) = {
            let state = shared.state.lock();
            (state.network, state.cuts, state.stopped)
        };
        if stopped {
            return;
        }
        let Ok(client) = client else { continue };
        if network == Network::Cut {
            reset(&client);
            continue;
        }
        let shared = Arc::clone(shared);
        thread::spawn(move || {
            // Either end may go away at any time: that is what a proxy is for.
            let _ = connect(client, &shared, cuts);
        });
    }
}

/// Serves one connection to its end.
fn connect(client: TcpStream, shared: &Arc<Shared>, cuts: u64) -> io::Result<()> {
    if shared.wait_while_stalled(cuts).is_none() {
        reset(&client);
        return Ok(());
    }
    let server = match TcpStream::connect_timeout(&shared.upstream, Duration::from_secs(2)) {
        Ok(server) => server,
        Err(error) => {
            reset(&client);
            return Err(error);
        }
    };
    for stream in [&client, &server] {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(LOOK))?;
    }
    let back = thread::spawn({
        let (from, to, shared) = (server.try_clone()?, client.try_clone()?, Arc::clone(shared));
        move || pump(from, to, &shared, cuts)
    });
    pump(client, server, shared, cuts);
    let _ = back.join();
    Ok(())
}

/// Passes on what `from` sends until one end closes or the network is cut.
fn pump(mut from: TcpStream, mut to: TcpStream, shared: &Shared, cuts: u64) {
    let mut piece = vec![0; PIECE];
    while let Some(network) = shared.wait_while_stalled(cuts) {
        let read = match from.read(&mut piece) {
            Ok(0) => {
                // The other direction may go on.
                let _ = to.shutdown(Shutdown::Write);
                return;
            }
            Ok(read) => read,
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => continue,
            Err(_) => break,
        };
        match network {
            Network::Delay(time) => thread::sleep(time),
            Network::Limit(bytes) => thread::sleep(Duration::from_secs_f64(read as f64 / bytes.max(1) as f64)),
            Network::Pass | Network::Cut | Network::Stall => {}
        }
        // What was read before a stall or a cut does not get through it.
        if shared.wait_while_stalled(cuts).is_none() || to.write_all(&piece[..read]).is_err() {
            break;
        }
    }
    end(&[from, to], shared, cuts);
}

fn end(both: &[TcpStream], shared: &Shared, cuts: u64) {
    for stream in both {
        reset(stream);
        if shared.state.lock().cuts == cuts {
            // One end is gone: this wakes the thread of the other direction. Cut off, it sees that by itself, and the
            // peer shall see a reset and no orderly end.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

/// Once its last handle is dropped, it is closed with RST, so that the peer sees an error and not an orderly end.
fn reset(stream: &TcpStream) {
    use std::os::fd::AsRawFd;
    let linger = libc::linger { l_onoff: 1, l_linger: 0 };
    let size = size_of::<libc::linger>() as libc::socklen_t;
    // SAFETY: the option's value is a `linger` of the size that is given, and the descriptor is open.
    unsafe {
        libc::setsockopt(stream.as_raw_fd(), libc::SOL_SOCKET, libc::SO_LINGER, (&raw const linger).cast(), size);
    }
}

impl Shared {
    /// The network as it is once it is not stalled; `None` where it was cut since the connection was made.
    fn wait_while_stalled(&self, cuts: u64) -> Option<Network> {
        let mut state = self.state.lock();
        while state.cuts == cuts && state.network == Network::Stall {
            self.changed.wait(&mut state);
        }
        (state.cuts == cuts).then_some(state.network)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::process::wait_for;

    /// Sends back what it gets.
    fn echo() -> SocketAddr {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                thread::spawn(move || io::copy(&mut stream.try_clone().unwrap(), &mut &stream));
            }
        });
        address
    }

    fn client(proxy: &Proxy) -> TcpStream {
        let stream = TcpStream::connect(proxy.address()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        stream
    }

    fn ask(stream: &mut TcpStream) -> io::Result<()> {
        stream.write_all(b"ping")?;
        let mut answer = [0; 4];
        stream.read_exact(&mut answer)
    }

    #[test]
    fn a_cut_resets_connections_refuses_new_ones_and_ends() {
        let proxy = Proxy::start(echo()).unwrap();
        let mut before = client(&proxy);
        ask(&mut before).unwrap();
        proxy.set(Network::Cut);
        assert!(ask(&mut before).is_err());
        let refused = TcpStream::connect(proxy.address()).and_then(|mut stream| ask(&mut stream));
        assert!(refused.is_err());
        proxy.set(Network::Pass);
        assert!(ask(&mut before).is_err(), "what was cut stays cut");
        ask(&mut client(&proxy)).unwrap();
    }

    #[test]
    fn a_stall_keeps_the_connection_and_says_nothing_until_it_ends() {
        let proxy = Proxy::start(echo()).unwrap();
        let mut stream = client(&proxy);
        ask(&mut stream).unwrap();
        proxy.set(Network::Stall);
        stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        assert!(ask(&mut stream).is_err(), "nothing comes");
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        proxy.set(Network::Pass);
        stream.read_exact(&mut [0; 4]).unwrap();
    }

    #[test]
    fn a_delay_and_a_limit_take_their_time() {
        let proxy = Proxy::start(echo()).unwrap();
        let mut stream = client(&proxy);
        for slow in [Network::Delay(Duration::from_millis(60)), Network::Limit(60)] {
            proxy.set(slow);
            assert_eq!(proxy.network(), slow);
            let started = Instant::now();
            ask(&mut stream).unwrap();
            assert!(started.elapsed() >= Duration::from_millis(120), "{slow:?}: both ways are slow");
        }
    }

    #[test]
    fn a_dropped_proxy_is_gone() {
        let proxy = Proxy::start(echo()).unwrap();
        let mut stream = client(&proxy);
        ask(&mut stream).unwrap();
        let address = proxy.address();
        drop(proxy);
        assert!(ask(&mut stream).is_err());
        assert!(wait_for(Duration::from_secs(5), || TcpStream::connect(address).is_err()));
    }
}
