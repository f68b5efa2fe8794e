//! `seesaw serve`: photos over HTTP.

use std::{net::SocketAddr, path::Path};

use seesaw::{Builder, Machine, bundled};
use seesaw_serve::{Event, Model, Models, Options, Server};
use serde::Serialize;

use crate::{
    args::{NetArgs, ServeArgs},
    failure::{self, Failure},
    output, resolve,
};

/// What `--json` prints once the service listens.
#[derive(Serialize)]
struct Listening<'a> {
    address: String,
    models: Vec<&'a str>,
    workers: usize,
    tokens: bool,
}

pub fn run(args: &ServeArgs) -> Result<(), Failure> {
    let options = options(args);
    let named: Vec<(String, String)> = match &args.models[..] {
        [] => vec![(bundled::DEFAULT.to_owned(), bundled::DEFAULT.to_owned())],
        models => models.iter().map(|model| named(model)).collect(),
    };
    // Before the models are loaded, which takes longer.
    let workers = options.workers;
    let server = Server::bind(args.listen, options)?;
    let machine = Machine::from_env(1)?;
    let batch = args.max_batch;
    let models = load(&named, &machine, batch)?;
    warn(args);
    announce(args, server.address(), &models, workers)?;
    let again = move || load(&named, &machine, batch).map_err(|failure| failure.to_string());
    let access_log = args.access_log;
    server.run(models, again, move |event| report(&event, access_log))?;
    Ok(())
}

fn options(args: &ServeArgs) -> Options {
    let mut options = Options::default();
    options.workers = args.workers.unwrap_or(options.workers);
    options.max_batch = args.max_batch;
    options.queue = args.queue;
    options.max_body = args.max_body << 20;
    // Of requests that are as large as may be, one for each worker and as many again.
    options.body_memory = options.body_memory.max(2 * options.workers * options.max_body);
    options.max_connections = args.max_connections;
    options.head_timeout = args.head_timeout;
    options.timeout = args.timeout;
    options.grace = args.grace;
    options.token_file.clone_from(&args.token_file);
    options.collect.clone_from(&args.collect);
    options
}

/// `NAME=MODEL`, or a model that is called as its file is.
fn named(argument: &str) -> (String, String) {
    if let Some((name, model)) = argument.split_once('=').filter(|_| !Path::new(argument).exists())
    {
        return (name.to_owned(), model.to_owned());
    }
    let path = Path::new(argument);
    let stem = match resolve::bundled(path) {
        Some(bundled) => bundled.name.into(),
        None => path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy(),
    };
    // A name is part of an address.
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' };
    (stem.chars().map(plain).collect(), argument.to_owned())
}

fn load(named: &[(String, String)], machine: &Machine, batch: usize) -> Result<Models, Failure> {
    let load = |(name, model): &(String, String)| {
        let path = Path::new(model);
        let no_net = NetArgs { net: None, classes: None, key: None };
        let model = resolve::weights(path, &no_net)?;
        let side = seesaw::preprocess_of(&model).crop as usize;
        resolve::check_batch(batch, side)?;
        let classifier = Builder::new(machine).batch(batch).build(model)?;
        Ok::<Model, Failure>(Model::new(name.clone(), classifier)?)
    };
    let models: Result<Vec<Model>, Failure> = named.iter().map(load).collect();
    Ok(Models::new(models?)?)
}

/// Says what others on the network can do.
fn warn(args: &ServeArgs) {
    if args.listen.ip().is_loopback() || args.token_file.is_some() {
        return;
    }
    failure::warn(
        "whoever reaches this machine can use the service: there is no authentication \
         (`--token-file` asks for a token)",
    );
}

fn announce(
    args: &ServeArgs,
    address: SocketAddr,
    models: &Models,
    workers: usize,
) -> Result<(), Failure> {
    use std::io::Write;
    let address = format!("http://{address}");
    let mut out = output::stdout();
    if args.json {
        let tokens = args.token_file.is_some();
        let listening = Listening { address, models: models.names(), workers, tokens };
        serde_json::to_writer(&mut out, &listening).map_err(std::io::Error::from)?;
        writeln!(out)?;
    } else {
        writeln!(out, "{address} serves {}", models.names().join(", "))?;
    }
    Ok(out.flush()?)
}

fn report(event: &Event<'_>, access_log: bool) {
    match event {
        Event::Answered(line) if access_log => {
            output::say(serde_json::to_string(line).unwrap_or_default());
        }
        Event::Reloaded(names) => output::say(format_args!("loaded again: {}", names.join(", "))),
        Event::ReloadFailed(error) => {
            failure::error(format_args!("{error}; the models before stay in use"));
        }
        Event::Ending => output::say("finishing the requests that are under way"),
        Event::Unfinished => failure::warn("not all requests finished in time"),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_are_called_as_their_files_or_as_one_says() {
        for (argument, name, model) in [
            ("runs/photos/best.safetensors", "best", ""),
            ("my flowers.v2.pth", "my-flowers.v2", ""),
            ("flowers=a/b.safetensors", "flowers", "a/b.safetensors"),
            ("seesaw-shuffle-0.5d-imagenet", "seesaw-shuffle-0.5d-imagenet", ""),
        ] {
            let model = if model.is_empty() { argument } else { model };
            assert_eq!(named(argument), (name.to_owned(), model.to_owned()));
        }
        let folder = seesaw_testing::folder([("a=b.pth", "")]);
        let path = folder.path().join("a=b.pth");
        assert_eq!(named(path.to_str().unwrap()).0, "a-b", "a file of that name");
    }
}
