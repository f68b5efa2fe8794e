//! Photos on several threads, in bounded memory.

use std::{path::Path, sync::RwLock};

use seesaw_arch::Preprocess;
use seesaw_image::{
    ImageError, Limits, PreprocessError,
    decode::{self, Quantity},
};

/// Decodes photos on any number of threads at once in no more memory than one may take alone: small
/// ones share it, a large one waits until it has all of it.
pub struct Loader {
    preprocess: Preprocess,
    alone: Limits,
    shared: Limits,
    /// Held for reading by those who share the memory, for writing by who has it alone.
    memory: RwLock<()>,
}

/// The most bytes that decoding one photo may take. With a net and its buffers, a process of two
/// threads stays below 200 MB.
const MEMORY: u64 = 120 << 20;

impl Loader {
    /// A loader for `threads` threads.
    pub fn new(preprocess: Preprocess, threads: usize) -> Self {
        let limits = |memory| Limits::new().memory(memory);
        let (alone, shared) = (limits(MEMORY), limits(MEMORY / threads.max(1) as u64));
        Self { preprocess, alone, shared, memory: RwLock::new(()) }
    }

    /// The photo at `path` as an input of the net, `[3, crop, crop]`, or why not.
    pub fn load(&self, path: &Path) -> Result<Vec<f32>, String> {
        let shared = {
            // A panic elsewhere leaves nothing broken behind this lock.
            let _memory = self.memory.read().unwrap_or_else(|e| e.into_inner());
            self.load_within(path, &self.shared)
        };
        match shared {
            Err(Problem::Image(ImageError::TooLarge { quantity: Quantity::Memory, .. })) => {
                let _memory = self.memory.write().unwrap_or_else(|e| e.into_inner());
                self.load_within(path, &self.alone)
            }
            other => other,
        }
        .map_err(|problem| problem.to_string())
    }

    fn load_within(&self, path: &Path, limits: &Limits) -> Result<Vec<f32>, Problem> {
        let image = decode::open(path, limits)?;
        let mut input = vec![0.0; self.preprocess.output_len()];
        seesaw_image::preprocess(&self.preprocess, &image, &mut input)?;
        Ok(input)
    }
}

#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error(transparent)]
    Image(#[from] ImageError),
    #[error(transparent)]
    Preprocess(#[from] PreprocessError),
}
