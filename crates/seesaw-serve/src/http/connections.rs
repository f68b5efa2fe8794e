//! Connections: how many, how long, and how they end.

use std::{
    convert::Infallible, future::Future, io, net::SocketAddr, pin::pin, sync::Arc, time::Duration,
};

use axum::{Router, body::Body, extract::Request, response::Response};
use hyper::{body::Incoming, header::EXPECT, server::conn::http1, service::Service};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    task::{JoinSet, yield_now},
    time::{sleep, timeout},
};

use super::{App, context::Peer, drained::Drained, stalls::Stalls};

/// The most bytes and fields of a request's head.
const MAX_HEAD: usize = 32 << 10;
const MAX_FIELDS: usize = 100;
/// Bytes that are read from a connection at a time.
const MAX_BUFFER: usize = 64 << 10;
/// How long those may take for the head of a request that come when the service ends.
const LATE: Duration = Duration::from_secs(2);

/// What a client is told when there are too many connections, without looking at its request.
const TOO_MANY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\n\
    Content-Length: 33\r\nRetry-After: 1\r\nConnection: close\r\n\r\n\
    {\"error\":\"too many connections\"}\n";

/// Limits on connections.
#[derive(Debug, Clone, Copy)]
pub struct Connections {
    /// How many at a time.
    pub most: usize,
    /// How long the head of a request may take, and how long a connection may be idle.
    pub head: Duration,
    /// How long a client may read nothing of its answer.
    pub stall: Duration,
    /// How long requests may go on after the end.
    pub grace: Duration,
}

/// Accepts connections until `end`, and then lets the requests that are under way finish. Whether all of
/// them did.
pub async fn serve(
    listener: TcpListener,
    app: Arc<App>,
    limits: Connections,
    end: impl Future<Output = ()>,
) -> bool {
    let host = Host::new(app, limits);
    let graceful = GracefulShutdown::new();
    let mut end = pin!(end);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut end => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                if let Some((connection, guest)) = host.welcome(stream, peer, &host.builder()) {
                    tokio::spawn(guest.stay(graceful.watch(connection)));
                }
            }
            Err(error) => wait_after(&error).await,
        }
    }
    let late = host.welcome_late(listener).await;
    let all = async { tokio::join!(graceful.shutdown(), late.join_all()) };
    timeout(limits.grace, all).await.is_ok()
}

/// Who takes connections in.
struct Host {
    app: Arc<App>,
    router: Router,
    places: Arc<Semaphore>,
    limits: Connections,
}

/// A connection's place and its count.
struct Guest {
    app: Arc<App>,
    _place: OwnedSemaphorePermit,
}

impl Host {
    fn new(app: Arc<App>, limits: Connections) -> Self {
        let places = Arc::new(Semaphore::new(limits.most));
        Self { router: super::router(Arc::clone(&app)), app, places, limits }
    }

    fn builder(&self) -> http1::Builder {
        let mut builder = http1::Builder::new();
        builder
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.head)
            .max_header_size(MAX_HEAD)
            .max_headers(MAX_FIELDS)
            .max_buf_size(MAX_BUFFER);
        builder
    }

    /// A connection and its place, or a refusal where there is no place.
    fn welcome(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        builder: &http1::Builder,
    ) -> Option<(Connection, Guest)> {
        let Ok(_place) = Arc::clone(&self.places).try_acquire_owned() else {
            tokio::spawn(refuse(stream));
            return None;
        };
        // Without it, an answer may wait for the client's acknowledgment of the one before.
        let _ = stream.set_nodelay(true);
        let io = TokioIo::new(Stalls::new(stream, self.limits.stall));
        let routes = Routes { router: TowerToHyperService::new(self.router.clone()), peer };
        let app = Arc::clone(&self.app);
        app.shop.metrics.connections.inc();
        Some((builder.serve_connection(io, routes), Guest { app, _place }))
    }

    /// Answers one request of each connection that the system accepted before the listener closes.
    async fn welcome_late(&self, listener: TcpListener) -> JoinSet<()> {
        let mut late = JoinSet::new();
        // Lets the system say what has come.
        yield_now().await;
        while let Ok(Ok((stream, peer))) = timeout(Duration::ZERO, listener.accept()).await {
            let mut builder = self.builder();
            builder.keep_alive(false).header_read_timeout(self.limits.head.min(LATE));
            if let Some((connection, guest)) = self.welcome(stream, peer, &builder) {
                late.spawn(guest.stay(connection));
            }
        }
        late
    }
}

impl Guest {
    /// Until the connection ends. One that breaks concerns its client alone.
    async fn stay<E>(self, connection: impl Future<Output = Result<(), E>>) {
        let _ = connection.await;
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.app.shop.metrics.connections.dec();
    }
}

type Connection = http1::Connection<TokioIo<Stalls<TcpStream>>, Routes>;

/// The routes, for requests of one peer.
#[derive(Clone)]
struct Routes {
    router: TowerToHyperService<Router>,
    peer: SocketAddr,
}

impl Service<Request<Incoming>> for Routes {
    type Response = Response;
    type Error = Infallible;
    type Future = <TowerToHyperService<Router> as Service<Request>>::Future;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let asks_first = request.headers().contains_key(EXPECT);
        let mut request = request.map(|body| match asks_first {
            // Nothing comes unless it is read, so there is nothing to drain.
            true => Body::new(body),
            false => Body::new(Drained::new(body)),
        });
        request.extensions_mut().insert(Peer(self.peer));
        self.router.call(request)
    }
}

/// Tells a client that there is no place for it.
async fn refuse(mut stream: TcpStream) {
    let told = async {
        stream.write_all(TOO_MANY).await?;
        stream.shutdown().await
    };
    let _ = timeout(Duration::from_secs(1), told).await;
}

/// Waits where accepting again at once would fail again: when there are no file descriptors.
async fn wait_after(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    if !matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted) {
        sleep(Duration::from_millis(50)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_to_too_many_connections_is_whole() {
        let text = str::from_utf8(TOO_MANY).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())), "{}", body.len());
    }
}
