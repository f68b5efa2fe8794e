//! A report as Markdown.

use std::fmt::{Display, Formatter, Result};

use super::{Difference, FactorEffects, Finalist, Report, Short};
use crate::stats;

/// Half the width of a 95 % interval, in standard errors.
const INTERVAL: f64 = 1.96;
/// The fewest trainings with fresh seeds that support a claim.
const CLAIM: usize = 3;

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let [taken, budget] = self.hours;
        writeln!(f, "# Search of `{}` at {}\n", self.space, self.goal)?;
        let state =
            if self.complete { "complete" } else { "not complete: this is what is known so far" };
        writeln!(f, "{taken:.2} of {budget} hours, {} nets explored; {state}.", self.explored)?;
        self.winner(f)?;
        self.finals(f)?;
        self.references(f)?;
        self.random(f)?;
        self.effects(f)?;
        if !self.failed.is_empty() {
            writeln!(f, "\n## Trainings that failed\n")?;
            for (trial, why) in &self.failed {
                writeln!(f, "- trial {trial}: {why}")?;
            }
        }
        Ok(())
    }
}

impl Report {
    fn winner(&self, f: &mut Formatter<'_>) -> Result {
        let Some(winner) = &self.winner else { return Ok(()) };
        let what = if self.complete { "The winner" } else { "The best so far" };
        writeln!(f, "\n## {what}: trial {}\n", winner.trial)?;
        writeln!(f, "| zone and choice | value |\n|---|---|")?;
        for (name, value) in &winner.choices {
            writeln!(f, "| {name} | `{value}` |")?;
        }
        Ok(())
    }

    fn finals(&self, f: &mut Formatter<'_>) -> Result {
        if self.finals.is_empty() {
            return Ok(());
        }
        writeln!(f, "\n## Final comparison\n")?;
        writeln!(
            f,
            "Top-1 on the held-out images after long trainings, with seeds that chose nothing. The \
             standard error of a difference is that of the images, paired, and of the seeds."
        )?;
        writeln!(
            f,
            "\n| net | parameters | MAdds | top-1 %, each seed | mean | winner above it |\n|---|---|---|---|---|---|"
        )?;
        for finalist in &self.finals {
            finalist_row(f, finalist)?;
        }
        match self.seed_deviation {
            Some(deviation) => writeln!(
                f,
                "\nBetween seeds, top-1 has a standard deviation of {:.2} points, pooled over these nets.",
                100.0 * deviation
            )?,
            None => writeln!(f, "\nNo net has two seeds, so the spread between seeds is unknown.")?,
        }
        if self.finals.iter().any(|finalist| finalist.top1.len() < CLAIM) {
            writeln!(
                f,
                "Fewer than {CLAIM} seeds each do not separate nets from luck; `seesaw search --resume` \
                 with more `--hours` adds seeds."
            )?;
        }
        self.pairs(f)
    }

    fn pairs(&self, f: &mut Formatter<'_>) -> Result {
        let compared = |finalist: &&Finalist| finalist.below_winner.is_some();
        if !self.finals.iter().any(|finalist| compared(&finalist)) {
            return Ok(());
        }
        writeln!(f, "\nImage by image (McNemar's exact test), for each pair of trainings:\n")?;
        writeln!(f, "| net | only the winner right | only the net right | p |\n|---|---|---|---|")?;
        for finalist in self.finals.iter().filter(compared) {
            for pair in finalist.below_winner.iter().flat_map(|below| &below.pairs) {
                let (one, other) = (pair.only_winner, pair.only_other);
                writeln!(f, "| {} | {one} | {other} | {:.3} |", finalist.name, pair.p)?;
            }
        }
        Ok(())
    }

    fn references(&self, f: &mut Formatter<'_>) -> Result {
        if self.references.is_empty() {
            return Ok(());
        }
        writeln!(f, "\n## Short trainings of the references\n")?;
        writeln!(f, "| net | training loss | top-1 % |\n|---|---|---|")?;
        for Short { name, train_loss, top1, .. } in &self.references {
            writeln!(f, "| {name} | {train_loss:.4} | {:.2} |", 100.0 * top1)?;
        }
        Ok(())
    }

    fn random(&self, f: &mut Formatter<'_>) -> Result {
        let Some(random) = &self.random else { return Ok(()) };
        writeln!(f, "\n## Beside random search\n")?;
        writeln!(
            f,
            "Of {} nets, {} were drawn at random; the lowest training loss of those is {:.4}.",
            self.explored, random.drawn, random.train_loss
        )?;
        if let Some(expected) = random.expected_train_loss {
            writeln!(
                f,
                "Of {} random nets, an equal budget, {expected:.4} is to be expected, if their losses are \
                 normally distributed.",
                self.explored
            )?;
        }
        match random.model_train_loss {
            Some(model) => {
                writeln!(f, "The lowest of the nets that the model proposed is {model:.4}.")
            }
            None => writeln!(f, "The model has not proposed any yet."),
        }
    }

    fn effects(&self, f: &mut Formatter<'_>) -> Result {
        if self.effects.is_empty() {
            return Ok(());
        }
        writeln!(f, "\n## What each choice is worth\n")?;
        writeln!(
            f,
            "Main effects over all short trainings, at equal cost: what a choice adds to the mean over the \
             choices of its row, with 95 % intervals. Less training loss is better. An interval that does \
             not contain 0 is in bold."
        )?;
        writeln!(
            f,
            "\n| zone and choice | value | trials | training loss | top-1, points |\n|---|---|---|---|---|"
        )?;
        for FactorEffects { factor, levels } in &self.effects {
            for level in levels {
                let loss = interval(level.train_loss, level.train_loss_error, 4);
                let top1 = interval(100.0 * level.top1, 100.0 * level.top1_error, 2);
                let (value, trials) = (&level.level, level.trials);
                writeln!(f, "| {factor} | `{value}` | {trials} | {loss} | {top1} |")?;
            }
        }
        Ok(())
    }
}

fn finalist_row(f: &mut Formatter<'_>, finalist: &Finalist) -> Result {
    let Finalist { name, params, madds, top1, below_winner, .. } = finalist;
    let seeds: Vec<String> = top1.iter().map(|top1| format!("{:.2}", 100.0 * top1)).collect();
    let below = match below_winner {
        Some(Difference { top1, standard_error, .. }) => {
            format!("{:+.2} ± {:.2}", 100.0 * top1, 100.0 * standard_error)
        }
        None => String::new(),
    };
    writeln!(
        f,
        "| {name} | {:.2}M | {:.1}M | {} | {:.2} | {below} |",
        *params as f64 / 1e6,
        *madds as f64 / 1e6,
        seeds.join(" "),
        100.0 * stats::mean(top1),
    )
}

fn interval(value: f64, error: f64, decimals: usize) -> String {
    let half = INTERVAL * error;
    let text = format!("{value:+.decimals$} ± {half:.decimals$}");
    if value.abs() > half { format!("**{text}**") } else { text }
}
