//! `seesaw tables`: the papers' figures compared with ours.

use std::io::Write;

use seesaw_arch::{
    published::{FIGURES, Figures},
    zoo,
};
use serde::Serialize;

use crate::{
    args::TablesArgs,
    failure::Failure,
    output::{self, Align, Table},
};

/// How to read the tables.
const NOTE: &str = "\
Each published figure is followed by our count and by the difference after rounding.
IGCV3's paper prints 318M MAdds on ImageNet; the layers that it describes add up to 313M.
EfficientNet-Lite0's table prints 407M; its convolutions and linear layer take 385M.";

/// One row of a paper's table with our counts, as `--json` prints it.
#[derive(Serialize)]
struct Row {
    net: &'static str,
    dataset: &'static str,
    classes: usize,
    params: Figure,
    madds: Figure,
    top1: Option<f64>,
    /// As printed.
    #[serde(skip)]
    top1_text: Option<&'static str>,
}

/// A published figure and ours.
#[derive(Serialize)]
struct Figure {
    /// In millions, as printed.
    published: Option<f64>,
    /// Our count.
    ours: u64,
    /// Our count rounded like the published figure, minus that figure, in millions.
    difference: Option<f64>,
    /// Digits after the decimal point of the published figure.
    #[serde(skip)]
    digits: usize,
}

pub fn run(args: &TablesArgs) -> Result<(), Failure> {
    let rows = FIGURES.iter().map(row).collect::<Result<Vec<_>, _>>()?;
    if args.json { output::json(&rows) } else { tables(&rows) }
}

fn row(figures: &Figures) -> Result<Row, Failure> {
    let net = zoo::net(figures.net)?.with_classes(figures.classes);
    let cost = net.cost(net.input_size)?;
    Ok(Row {
        net: figures.net,
        dataset: figures.dataset,
        classes: figures.classes,
        params: Figure::new(figures.params, cost.params as u64)?,
        madds: Figure::new(figures.madds, cost.madds)?,
        top1: figures.top1.map(number).transpose()?,
        top1_text: figures.top1,
    })
}

impl Figure {
    fn new(printed: Option<&str>, ours: u64) -> Result<Self, Failure> {
        let published = printed.map(number).transpose()?;
        let digits = printed.and_then(|p| p.split_once('.')).map_or(0, |(_, d)| d.len());
        let difference = published.map(|p| rounded(rounded(ours as f64 / 1e6, digits) - p, digits));
        Ok(Self { published, ours, difference, digits })
    }

    /// Published and difference, each with the published digits.
    fn cells(&self) -> [String; 2] {
        let digits = self.digits;
        let published = self.published.map_or("-".into(), |p| format!("{p:.digits$}M"));
        let difference = match self.difference {
            None => "-".into(),
            Some(0.0) => "0".into(),
            Some(difference) => format!("{difference:+.digits$}M"),
        };
        [published, difference]
    }
}

fn number(printed: &str) -> Result<f64, Failure> {
    printed.parse().map_err(|_| Failure::new(format_args!("`{printed}` is not a number")))
}

fn rounded(value: f64, digits: usize) -> f64 {
    let scale = 10_f64.powi(digits as i32);
    // Adding 0 turns -0 into 0.
    (value * scale).round() / scale + 0.0
}

fn tables(rows: &[Row]) -> Result<(), Failure> {
    let mut out = output::stdout();
    for (i, rows) in rows.chunk_by(|a, b| a.dataset == b.dataset).enumerate() {
        if i > 0 {
            writeln!(out)?;
        }
        writeln!(out, "{}, {} classes\n", rows[0].dataset, rows[0].classes)?;
        table(rows).write(&mut out)?;
    }
    writeln!(out, "\n{NOTE}")?;
    Ok(out.flush()?)
}

fn table(rows: &[Row]) -> Table<8> {
    let mut table = Table::new([
        ("net", Align::Left),
        ("params", Align::Right),
        ("ours", Align::Right),
        ("diff", Align::Right),
        ("MAdds", Align::Right),
        ("ours", Align::Right),
        ("diff", Align::Right),
        ("top-1 %", Align::Right),
    ]);
    for row in rows {
        let [params, params_difference] = row.params.cells();
        let [madds, madds_difference] = row.madds.cells();
        table.row([
            row.net.to_owned(),
            params,
            output::thousands(row.params.ours),
            params_difference,
            madds,
            output::thousands(row.madds.ours),
            madds_difference,
            row.top1_text.unwrap_or("-").to_owned(),
        ]);
    }
    table
}
