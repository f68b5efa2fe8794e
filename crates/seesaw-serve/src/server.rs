//! From options to a service that runs, and to its end.

use std::{io, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use serde::Serialize;
use tokio::{
    net::{TcpListener, TcpSocket},
    runtime::{Builder, Runtime},
    sync::Notify,
    task::spawn_blocking,
};

use crate::{
    ServeError,
    collect::Collection,
    http::{self, App, Connections},
    metrics::Metrics,
    models::{Current, Models},
    work::Shop,
};

/// Connections that wait to be accepted.
const BACKLOG: u32 = 1024;

/// How a service works.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Options {
    /// Threads that decode photos and run nets, each on its own.
    pub workers: usize,
    /// Images that go through a net at once, at most as many as its model was built for.
    pub max_batch: usize,
    /// Requests that wait for a worker or are being computed; more are refused.
    pub queue: usize,
    /// Bytes of the body of a request.
    pub max_body: usize,
    /// Bytes of all bodies together.
    pub body_memory: usize,
    /// Photos or images in a request.
    pub max_photos: usize,
    /// Connections at a time.
    pub max_connections: usize,
    /// How long the head of a request may take, and a connection may be idle.
    pub head_timeout: Duration,
    /// How long a request may take, from its head to its answer.
    pub timeout: Duration,
    /// How long requests may go on after the end.
    pub grace: Duration,
    /// A file of tokens, one of which clients must show.
    pub token_file: Option<PathBuf>,
    /// A folder to which the page adds photos under the class that they are said to be.
    pub collect: Option<PathBuf>,
    /// How many photos it adds at most.
    pub max_collected: u64,
}

impl Default for Options {
    /// Limits for photos of phones on a small machine, and a worker for each processor.
    fn default() -> Self {
        Self {
            workers: std::thread::available_parallelism().map_or(1, usize::from),
            max_batch: 8,
            queue: 64,
            max_body: 16 << 20,
            body_memory: 256 << 20,
            max_photos: 64,
            max_connections: 512,
            head_timeout: Duration::from_secs(30),
            timeout: Duration::from_secs(60),
            grace: Duration::from_secs(30),
            token_file: None,
            collect: None,
            max_collected: 10_000,
        }
    }
}

/// Something to be told of.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The service accepts requests.
    Ready,
    /// A request was answered.
    Answered(AccessLine<'a>),
    /// The models and tokens were loaded again; the names of the models.
    Reloaded(Vec<&'a str>),
    /// They could not be loaded, and those before stay in use.
    ReloadFailed(&'a str),
    /// A signal ends the service, and requests under way finish.
    Ending,
    /// Not all requests finished in time.
    Unfinished,
}

/// A line of an access log.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct AccessLine<'a> {
    /// Seconds since 1970.
    pub time: f64,
    /// The other end of the connection.
    pub peer: Option<String>,
    /// The method.
    pub method: &'a str,
    /// The path, without the options that follow it.
    pub path: &'a str,
    /// The status of the answer.
    pub status: u16,
    /// From the head of the request to the answer.
    pub milliseconds: f64,
    /// The request's `X-Request-Id`.
    pub id: &'a str,
}

/// A service that listens and does not answer yet.
#[derive(Debug)]
pub struct Server {
    runtime: Runtime,
    listener: TcpListener,
    address: SocketAddr,
    options: Options,
}

impl Server {
    /// Listens on an address. Port 0 stands for any that is free.
    ///
    /// # Errors
    /// [`ServeError::Listen`] when the address is in use or not this machine's, and
    /// [`ServeError::Start`].
    pub fn bind(address: SocketAddr, options: Options) -> Result<Self, ServeError> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let listen = || {
            let socket = match address {
                SocketAddr::V4(_) => TcpSocket::new_v4()?,
                SocketAddr::V6(_) => TcpSocket::new_v6()?,
            };
            // A service that starts again does not wait for the connections of the last one.
            #[cfg(unix)]
            socket.set_reuseaddr(true)?;
            socket.bind(address)?;
            let listener = socket.listen(BACKLOG)?;
            let address = listener.local_addr()?;
            Ok((listener, address))
        };
        let (listener, address) = {
            let _context = runtime.enter();
            listen().map_err(|source| ServeError::Listen { address, source })?
        };
        Ok(Self { runtime, listener, address, options })
    }

    /// The address, with the port that was chosen.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves `models` until a signal ends it: SIGTERM, or Ctrl-C. On SIGHUP, `load` loads them again.
    /// `events` is called from several threads and should return soon.
    ///
    /// # Errors
    /// Before anything is served: as [`ServeError`] says.
    pub fn run(
        self,
        models: Models,
        load: impl Fn() -> Result<Models, String> + Send + Sync + 'static,
        events: impl Fn(Event<'_>) + Send + Sync + 'static,
    ) -> Result<(), ServeError> {
        let Self { runtime, listener, options, .. } = self;
        let isa = models.iter().next().map(|model| model.classifier.machine().isa().to_string());
        let metrics = Metrics::new(&isa.unwrap_or_default(), options.workers);
        let collection = options
            .collect
            .as_deref()
            .map(|folder| Collection::new(folder, options.max_collected))
            .transpose()?;
        let shop = Arc::new(Shop::new(&options, metrics, collection));
        let limits = Connections {
            most: options.max_connections,
            head: options.head_timeout,
            stall: options.head_timeout,
            grace: options.grace,
        };
        let app = App::new(options, Arc::clone(&shop), Current::new(models), Box::new(events))?;
        let app = Arc::new(app);
        let workers = shop.open(app.options.workers)?;
        let finished = runtime.block_on(async {
            let end = signals(Arc::clone(&app), Arc::new(load))?;
            (app.events)(Event::Ready);
            let ended = async {
                end.notified().await;
                app.end();
                (app.events)(Event::Ending);
            };
            Ok::<bool, ServeError>(http::serve(listener, Arc::clone(&app), limits, ended).await)
        })?;
        shop.queue.close();
        if finished {
            workers.into_iter().for_each(|worker| worker.join().unwrap_or_default());
        } else {
            (app.events)(Event::Unfinished);
        }
        runtime.shutdown_background();
        Ok(())
    }
}

type Load = Arc<dyn Fn() -> Result<Models, String> + Send + Sync>;

/// Loads models and tokens again, or leaves all as it is.
async fn reload(app: Arc<App>, load: Load) {
    let loaded = spawn_blocking(move || load()).await;
    let models = match loaded {
        Ok(Ok(models)) => models,
        Ok(Err(error)) => return (app.events)(Event::ReloadFailed(&error)),
        Err(_) => return (app.events)(Event::ReloadFailed("loading the models failed")),
    };
    if let Err(error) = app.reload_tokens() {
        return (app.events)(Event::ReloadFailed(&error.to_string()));
    }
    app.models.replace(models);
    (app.events)(Event::Reloaded(app.models.get().names()));
}

/// Listens for signals from now on. The first one that ends the service is told of by what is returned;
/// the second one ends the process.
#[cfg(unix)]
fn signals(app: Arc<App>, load: Load) -> io::Result<Arc<Notify>> {
    use tokio::signal::unix::{SignalKind, signal};
    let end = Arc::new(Notify::new());
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            reload(Arc::clone(&app), Arc::clone(&load)).await;
        }
    });
    for (kind, code) in [(SignalKind::terminate(), 143), (SignalKind::interrupt(), 130)] {
        let mut signal = signal(kind)?;
        let end = Arc::clone(&end);
        tokio::spawn(async move {
            signal.recv().await;
            end.notify_one();
            signal.recv().await;
            std::process::exit(code);
        });
    }
    Ok(end)
}

/// As on Unix, for Ctrl-C alone.
#[cfg(not(unix))]
fn signals(_: Arc<App>, _: Load) -> io::Result<Arc<Notify>> {
    let end = Arc::new(Notify::new());
    let ended = Arc::clone(&end);
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            ended.notify_one();
        }
        if tokio::signal::ctrl_c().await.is_ok() {
            std::process::exit(130);
        }
    });
    Ok(end)
}
