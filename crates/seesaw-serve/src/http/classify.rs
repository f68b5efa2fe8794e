//! `/v1`: photos to class names or features.

use std::{sync::Arc, time::Instant};

use axum::{
    Extension, Json,
    body::Bytes,
    extract::{Query, Request, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use tokio::{sync::oneshot, time::timeout_at};

use super::{
    App,
    body::{self, Held},
    context::Deadline,
    form,
};
use crate::{
    error::Problem,
    models::{Model, Models},
    protocol::{
        classify::{Output, Photo, UNNAMED},
        wishes::Wishes,
    },
    queue::Refused,
    work::{Job, Reply, Task},
};

type Pairs = Query<Vec<(String, String)>>;

pub async fn classify(
    State(app): State<Arc<App>>,
    Extension(deadline): Extension<Deadline>,
    Query(pairs): Pairs,
    request: Request,
) -> Result<Response, Problem> {
    photos(&app, deadline, pairs, request, Output::Classes).await
}

pub async fn embed(
    State(app): State<Arc<App>>,
    Extension(deadline): Extension<Deadline>,
    Query(pairs): Pairs,
    request: Request,
) -> Result<Response, Problem> {
    photos(&app, deadline, pairs, request, Output::Features).await
}

async fn photos(
    app: &App,
    deadline: Deadline,
    pairs: Vec<(String, String)>,
    request: Request,
    output: Output,
) -> Result<Response, Problem> {
    let wishes = Wishes::from_pairs(pairs)?;
    let models = app.models.get();
    if models.get(wishes.model.as_deref()).is_none() {
        return Err(Problem::no_model(wishes.model.as_deref().unwrap_or_default()));
    }
    let kind = content_type(request.headers()).to_owned();
    let (bytes, held) = receive(app, deadline, request).await?;
    let task = match media_type(&kind).as_str() {
        "multipart/form-data" => {
            let (photos, own) = form::parse(&kind, bytes, app.options.max_photos).await?;
            Task::Photos { photos, wishes: own.or(wishes), output }
        }
        "application/json" => Task::Json { body: bytes, wishes, output },
        // The photo itself, whatever it is called: curl calls everything a form.
        _ => {
            let path = wishes.path.clone().unwrap_or_else(|| UNNAMED.to_owned());
            Task::Photos { photos: vec![Photo { path, bytes }], wishes, output }
        }
    };
    Ok(submit(app, deadline, (task, held), models).await?.into_response())
}

/// Files a photo under a class, for a training.
pub async fn collect(
    State(app): State<Arc<App>>,
    Extension(deadline): Extension<Deadline>,
    Query(pairs): Pairs,
    request: Request,
) -> Result<Response, Problem> {
    if app.shop.collection.is_none() {
        let message = "this service collects no photos: it was started without a folder for them";
        return Err(Problem::new(StatusCode::FORBIDDEN, message));
    }
    let (mut class, mut path) = (None, UNNAMED.to_owned());
    for (key, value) in pairs {
        match key.as_str() {
            "class" => class = Some(value),
            "path" => path = value,
            _ => return Err(Problem::bad(format!("there is no option `{key}`"))),
        }
    }
    let class = class.filter(|class| !class.trim().is_empty());
    let class = class.ok_or_else(|| Problem::bad("`class` says under which class to file it"))?;
    // A page of another site can send forms and texts here, but must ask before it sends this.
    let kind = media_type(content_type(request.headers()));
    if !kind.starts_with("image/") && kind != "application/octet-stream" {
        let message = "send the photo as image/* or application/octet-stream";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
    }
    let (bytes, held) = receive(&app, deadline, request).await?;
    let task = Task::Collect { photo: Photo { path, bytes }, class };
    let models = app.models.get();
    Ok(submit(&app, deadline, (task, held), models).await?.into_response())
}

/// The models and what else a client may want to know.
pub async fn models(State(app): State<Arc<App>>) -> Json<Value> {
    let models = app.models.get();
    let describe = |model: &Model| {
        let classifier = &model.classifier;
        json!({
            "name": model.name,
            "net": classifier.net().name,
            "classes": classifier.labels(),
            "features": classifier.net().head.channels,
            "preprocess": classifier.preprocess(),
        })
    };
    Json(json!({
        "models": models.iter().map(describe).collect::<Vec<_>>(),
        "collect": app.shop.collection.is_some(),
        "max_body_bytes": app.options.max_body,
        "max_photos": app.options.max_photos,
    }))
}

/// The body of a request that is likely to be answered.
pub async fn receive(
    app: &App,
    deadline: Deadline,
    request: Request,
) -> Result<(Bytes, Held), Problem> {
    if app.shop.queue.is_full() {
        return Err(app.full());
    }
    let headers = request.headers();
    let encoding = headers.get(header::CONTENT_ENCODING).filter(|value| *value != "identity");
    if encoding.is_some() {
        let message = "bodies are not decompressed: send it without Content-Encoding";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
    }
    let announced = headers.get(header::CONTENT_LENGTH);
    let announced = announced.and_then(|value| value.to_str().ok()?.parse().ok());
    body::read(request.into_body(), announced, app.body_limits(deadline), &app.bodies).await
}

/// Queues a task and waits for the answer.
pub async fn submit(
    app: &App,
    Deadline(deadline): Deadline,
    (task, held): (Task, Held),
    models: Arc<Models>,
) -> Result<Reply, Problem> {
    let (reply, answer) = oneshot::channel();
    let job = Job { task, models, queued: Instant::now(), reply, held };
    app.shop.queue.push(job).map_err(|refused| match refused {
        Refused::Full => app.full(),
        Refused::Closed => Problem::busy("the service is about to end", 1),
    })?;
    let mut gone = CountGone(app, true);
    let answer = timeout_at(deadline, answer).await;
    gone.1 = false;
    match answer {
        Ok(Ok(answer)) => answer,
        Ok(Err(_)) => Err(Problem::internal()),
        Err(_) => {
            let message = format!("not answered within {:?}", app.options.timeout);
            Err(Problem::busy(&message, app.shop.retry_after()))
        }
    }
}

/// Counts a request that is dropped because its client is gone, unless it is set to false.
struct CountGone<'a>(&'a App, bool);

impl Drop for CountGone<'_> {
    fn drop(&mut self) {
        if self.1 {
            self.0.shop.metrics.abandoned();
        }
    }
}

fn content_type(headers: &HeaderMap) -> &str {
    headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// A content type without its parameters, in lower case.
fn media_type(content_type: &str) -> String {
    content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}
