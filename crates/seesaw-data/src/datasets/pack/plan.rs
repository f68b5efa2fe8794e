//! What is packed, and in which order.

use std::path::Path;

use crc32c::crc32c_append;

use super::{
    super::{
        DataError, Found, Kind, Part,
        item::Item,
        packed::{FORMAT, Header, Parts, Settings, VERSION},
        register::{part_name, portable},
    },
    PackError,
};
use crate::rng::{Purpose, Rng};

/// The images of a data set in the order in which they are stored.
pub struct Plan {
    pub header: Header,
    pub jobs: Vec<Job>,
}

/// An image to pack.
pub struct Job {
    pub part: Part,
    /// Its number in its part.
    pub place: u32,
    /// Its name in the data set.
    pub name: String,
    pub item: Item,
}

impl Plan {
    /// The images of each part one after another, each part in a random order that depends only on their
    /// number.
    ///
    /// # Errors
    /// Those of names and numbers that an index cannot have.
    pub fn new(path: &Path, found: Found, settings: Settings) -> Result<Self, PackError> {
        let Found { kind, classes, train, val, test, findings, .. } = found;
        if !matches!(kind, Kind::Folders | Kind::List | Kind::Photos) {
            return Err(PackError::FewFiles { path: path.to_owned(), kind });
        }
        if classes.len() < 2 && kind != Kind::Photos {
            return Err(DataError::TooFewClasses { path: path.to_owned(), classes }.into());
        }
        let parts = Parts {
            train: train.len(),
            val: val.as_ref().map(Vec::len),
            test: test.as_ref().map(Vec::len),
        };
        let mut jobs = vec![];
        let all = [(Part::Train, Some(train)), (Part::Val, val), (Part::Test, test)];
        let mut names_crc32c = 0;
        for (part, items) in all {
            let of_part = jobs_of(part, items.unwrap_or_default())?;
            names_crc32c = of_part.iter().fold(names_crc32c, summed);
            jobs.extend(shuffled(of_part));
        }
        let header = Header {
            format: FORMAT.to_owned(),
            version: VERSION,
            kind,
            classes,
            parts,
            settings,
            names_crc32c,
            notes: findings.notes.iter().map(ToString::to_string).collect(),
            skipped: findings.skipped.by_extension().clone(),
            leftovers: findings.skipped.leftovers(),
        };
        Ok(Self { header, jobs })
    }
}

fn jobs_of(part: Part, items: Vec<Item>) -> Result<Vec<Job>, PackError> {
    if u32::try_from(items.len()).is_err() {
        return Err(PackError::TooMany(items.len()));
    }
    let not_unicode = |item: &&Item| item.key().0.to_str().is_none();
    if let Some(first) = items.iter().find(not_unicode) {
        let (count, first) = (items.iter().filter(not_unicode).count(), first.path());
        return Err(PackError::NotUnicode { count, first });
    }
    let job = |(item, place): (Item, u32)| {
        let path = item.key().0;
        // A `\` is a letter of a name where it does not separate names.
        let name = if cfg!(windows) { portable(path) } else { path.to_string_lossy().into_owned() };
        Job { part, place, name, item }
    };
    Ok(items.into_iter().zip(0..).map(job).collect())
}

/// A checksum that goes on with the part, name and label of an image.
fn summed(sum: u32, job: &Job) -> u32 {
    let pieces = [part_name::of(job.part).as_bytes(), job.name.as_bytes(), b"/"];
    let sum = pieces.into_iter().fold(sum, crc32c_append);
    crc32c_append(sum, &job.item.label.to_le_bytes())
}

/// In a random order, so that each shard is a sample of its part.
fn shuffled(jobs: Vec<Job>) -> Vec<Job> {
    let mut order: Vec<usize> = (0..jobs.len()).collect();
    Rng::new(0, Purpose::Pack, [jobs.len() as u64, 0]).shuffle(&mut order);
    let mut jobs: Vec<Option<Job>> = jobs.into_iter().map(Some).collect();
    order.into_iter().filter_map(|index| jobs[index].take()).collect()
}
