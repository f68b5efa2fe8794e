//! Sums vectors over the ranks that a launcher of MPI started, and compares with the sum of one rank:
//! `mpirun -n 2 target/release/examples/sum`.

#![allow(clippy::print_stdout, reason = "an example")]

use std::{error::Error, time::Instant};

use seesaw_comm::{CommError, Group, Mpi, TreeSum, Wire, share, share_of_cores};

/// About as many numbers as a small net has parameters.
const LEN: usize = 1_459_834;
const VECTORS: usize = 8;
const ROUNDS: u32 = 5;

fn main() -> Result<(), Box<dyn Error>> {
    let group = match Mpi::from_env(|rank, error| println!("rank {rank}: {error}")) {
        Ok(group) => group,
        Err(error @ CommError::NoMpi { .. }) => {
            println!("skipped: {error}");
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    let (rank, ranks) = (group.rank(), group.ranks());
    let vector = |number: usize| (0..LEN).map(|i| ((i * 31 + number * 7) as f32).sin()).collect();
    let mut alone = TreeSum::new(LEN, Wire::F32);
    (0..VECTORS).for_each(|number| alone.push(number, &mut vector(number)));
    let mut sum = TreeSum::new(LEN, Wire::F32);
    let own: Vec<Vec<f32>> = share(VECTORS, rank, ranks).map(vector).collect();
    let (mut all, mut fastest) = (Vec::new(), f64::INFINITY);
    for _ in 0..ROUNDS {
        for (number, vector) in share(VECTORS, rank, ranks).zip(&own) {
            sum.push(number, &mut vector.clone());
        }
        group.barrier()?;
        let started = Instant::now();
        all = sum.reduce(&group, VECTORS)?.to_vec();
        fastest = fastest.min(started.elapsed().as_secs_f64());
    }
    let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
    assert!(
        bits(&all) == bits(alone.total()),
        "rank {rank}: the sum differs from that of one rank"
    );
    let (host, cores) = (group.host(), share_of_cores(&group)?);
    println!(
        "rank {rank} of {ranks} on {host}, {cores} threads, {}: the sum of one rank, in {:.1} ms",
        group.library(),
        1e3 * fastest
    );
    Ok(group.finalize()?)
}
