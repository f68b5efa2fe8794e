//! A worker's loop: from what it takes off the queue to answers.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Instant,
};

use axum::{body::Bytes, http::StatusCode};
use seesaw::LoadedPhoto;
use serde_json::json;
use tokio::sync::oneshot;

use super::{
    Job, Reply, Shop, Task, Timing,
    batch::{Batch, Row},
};
use crate::{
    error::{Problem, photo_status},
    http::body::Held,
    models::{Model, Models},
    protocol::{
        classify::{Computed, Lines, Output, Photo, parse_json},
        infer::{self, Infer, Input},
        wishes::Wishes,
    },
};

const JSON: &str = "application/json";
const LINES: &str = "application/x-ndjson";
const TENSORS: &str = "application/octet-stream";

/// What goes through a net.
#[derive(Debug)]
pub enum Item {
    Photo(Bytes),
    /// An input, where it begins among the request's.
    Image(usize),
}

/// What becomes of the rows.
#[derive(Debug)]
enum Gather {
    Lines(Lines),
    Infer(Box<Infer>),
    /// Nothing more: the photo is filed.
    Done(Vec<u8>),
}

/// A request that is being computed.
#[derive(Debug)]
pub struct Running {
    pub model: Arc<Model>,
    pub items: Vec<Item>,
    /// The inputs of a request that has tensors.
    images: Vec<f32>,
    gather: Gather,
    pub timing: Timing,
    /// What is wrong with the whole request.
    problem: Option<Problem>,
    reply: oneshot::Sender<Result<Reply, Problem>>,
    _held: Held,
}

impl Shop {
    /// Works until the queue is closed and empty.
    pub fn work(&self) {
        while let Some(jobs) = self.queue.take(self.max_batch) {
            self.metrics.queue_length.set(self.queue.len() as i64);
            // Requests whose sender is dropped are answered with an error. Nothing that outlives this is
            // left half done.
            let (start, requests) = (Instant::now(), jobs.len());
            let _ = catch_unwind(AssertUnwindSafe(|| self.answer(jobs)));
            self.queue.done(requests);
            self.note_pace(start.elapsed(), requests);
        }
    }

    fn answer(&self, jobs: Vec<Job>) {
        let mut running: Vec<Running> =
            jobs.into_iter().filter_map(|job| self.start(job)).collect();
        while let Some(first) = running.first() {
            let (model, output) = (Arc::clone(&first.model), first.output());
            let alike = |r: &Running| Arc::ptr_eq(&r.model, &model) && r.output() == output;
            let (mut group, rest): (Vec<_>, Vec<_>) = running.into_iter().partition(alike);
            let mut batch = Batch::new(&model, output, self.max_batch);
            self.compute(&mut group, &mut batch);
            group.into_iter().for_each(Running::finish);
            running = rest;
        }
    }

    /// Parses a request; answers it at once if it is wrong.
    fn start(&self, job: Job) -> Option<Running> {
        let Job { task, models, queued, reply, held } = job;
        if reply.is_closed() {
            return None;
        }
        let timing = Timing { queue: queued.elapsed(), ..Timing::default() };
        self.metrics.taken(timing.queue);
        match self.prepare(task, &models) {
            Ok(Prepared { model, items, images, gather }) => Some(Running {
                model,
                items,
                images,
                gather,
                timing,
                problem: None,
                reply,
                _held: held,
            }),
            Err(problem) => {
                // Whoever is gone does not need the answer.
                let _ = reply.send(Err(problem));
                None
            }
        }
    }

    fn prepare(&self, task: Task, models: &Models) -> Result<Prepared, Problem> {
        match task {
            Task::Photos { photos, wishes, output } => {
                Prepared::photos(photos, wishes, output, models)
            }
            Task::Json { body, wishes, output } => {
                let (photos, own) = parse_json(&body, self.max_photos)?;
                Prepared::photos(photos, own.or(wishes), output, models)
            }
            Task::Infer { model, body, json_len } => {
                let (request, input) = infer::parse(&body, json_len, &model, self.max_photos)?;
                Ok(Prepared::tensors(request, input, model))
            }
            Task::Collect { photo, class } => self.collect(&photo, &class, models),
        }
    }

    /// Files a photo that can be decoded.
    fn collect(&self, photo: &Photo, class: &str, models: &Models) -> Result<Prepared, Problem> {
        let model = Arc::clone(models.get(None).expect("there is a first model"));
        let Some(collection) = &self.collection else {
            return Err(Problem::new(StatusCode::FORBIDDEN, "this service collects no photos"));
        };
        model
            .classifier
            .load_bytes(&photo.bytes, &self.memory)
            .map_err(|error| Problem::new(photo_status(&error), error.to_string()))?;
        let path = collection.add(&photo.path, class, &photo.bytes)?;
        let gather = Gather::Done(json!({ "path": path }).to_string().into_bytes());
        Ok(Prepared { model, items: Vec::new(), images: Vec::new(), gather })
    }

    /// Sends the items of all requests through the net, a batch at a time.
    fn compute(&self, group: &mut [Running], batch: &mut Batch) {
        for index in 0..group.len() {
            for item in 0..group[index].items.len() {
                if group[index].reply.is_closed() {
                    break;
                }
                if let Some(loaded) = self.load(&mut group[index], item) {
                    batch.push(index, item, &loaded);
                }
                if batch.is_full() {
                    batch.run(&self.metrics, |row| group[row.request].take(row));
                }
            }
        }
        batch.run(&self.metrics, |row| group[row.request].take(row));
    }

    /// An item as an input of the net; `None` if it cannot be read.
    fn load(&self, running: &mut Running, item: usize) -> Option<LoadedPhoto> {
        let start = Instant::now();
        let classifier = &running.model.classifier;
        let loaded = match &running.items[item] {
            Item::Photo(bytes) => classifier.load_bytes(bytes, &self.memory),
            Item::Image(at) => {
                let len = classifier.preprocess().output_len();
                return Some(LoadedPhoto::new(running.images[*at..][..len].to_vec()));
            }
        };
        let time = start.elapsed();
        running.timing.decode += time;
        self.metrics.decoded(time);
        match (loaded, &mut running.gather) {
            (Ok(loaded), _) => return Some(loaded),
            (Err(error), Gather::Lines(lines)) => lines.failed(item, &error),
            (Err(error), _) => {
                let message = format!("photo {}: {error}", item + 1);
                running.problem.get_or_insert(Problem::new(photo_status(&error), message));
            }
        }
        None
    }
}

/// A request that is parsed.
struct Prepared {
    model: Arc<Model>,
    items: Vec<Item>,
    images: Vec<f32>,
    gather: Gather,
}

impl Prepared {
    fn photos(
        photos: Vec<Photo>,
        wishes: Wishes,
        output: Output,
        models: &Models,
    ) -> Result<Self, Problem> {
        let name = wishes.model.as_deref();
        let Some(model) = models.get(name) else {
            return Err(Problem::no_model(name.unwrap_or_default()));
        };
        let (paths, items) =
            photos.into_iter().map(|photo| (photo.path, Item::Photo(photo.bytes))).unzip();
        let gather = Gather::Lines(Lines::new(paths, wishes, output));
        Ok(Self { model: Arc::clone(model), items, images: Vec::new(), gather })
    }

    fn tensors(request: infer::Request, input: Input, model: Arc<Model>) -> Self {
        let len = model.classifier.preprocess().output_len();
        let (items, images): (Vec<Item>, Vec<f32>) = match input {
            Input::Photos(photos) => (photos.into_iter().map(Item::Photo).collect(), Vec::new()),
            Input::Images(images) => {
                ((0..images.len()).step_by(len).map(Item::Image).collect(), images)
            }
        };
        let infer = Infer::new(request, Arc::clone(&model), items.len());
        Self { model, items, images, gather: Gather::Infer(Box::new(infer)) }
    }
}

impl Running {
    /// What is computed.
    fn output(&self) -> Output {
        match &self.gather {
            Gather::Lines(lines) => lines.output(),
            Gather::Infer(_) | Gather::Done(_) => Output::Classes,
        }
    }

    /// Takes what was computed of one of its items.
    fn take(&mut self, row: Row<'_>) {
        self.timing.infer += row.time;
        let Row { item, row, input, seen, .. } = row;
        match &mut self.gather {
            Gather::Lines(lines) => {
                let classifier = &self.model.classifier;
                lines.computed(item, Computed { classifier, row, input, seen });
            }
            Gather::Infer(infer) => infer.computed(item, row),
            Gather::Done(_) => {}
        }
    }

    /// Answers.
    fn finish(self) {
        let Self { gather, timing, problem, reply, .. } = self;
        if reply.is_closed() {
            return;
        }
        let answer = match (problem, gather) {
            (Some(problem), _) => Err(problem),
            (None, Gather::Done(body)) => Ok(Reply::new(StatusCode::CREATED, JSON, body, timing)),
            (None, Gather::Lines(lines)) => {
                let content_type = if lines.len() == 1 { JSON } else { LINES };
                let (status, body) = lines.finish();
                Ok(Reply::new(status, content_type, body, timing))
            }
            (None, Gather::Infer(infer)) => {
                infer.finish().map(|infer::InferReply { body, json_len }| {
                    let content_type = if json_len.is_some() { TENSORS } else { JSON };
                    Reply { json_len, ..Reply::new(StatusCode::OK, content_type, body, timing) }
                })
            }
        };
        // Whoever is gone does not need the answer.
        let _ = reply.send(answer);
    }
}

impl Reply {
    fn new(status: StatusCode, content_type: &'static str, body: Vec<u8>, timing: Timing) -> Self {
        Self { status, content_type, body: body.into(), json_len: None, timing }
    }
}
