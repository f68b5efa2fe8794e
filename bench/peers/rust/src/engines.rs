//! One engine after the other, each from its model's file to logits.

use std::path::Path;

use anyhow::{Context, Result, bail};

/// What an engine is opened for.
pub struct Setup<'a> {
    pub model: &'a Path,
    pub batch: usize,
    pub size: usize,
    pub threads: usize,
}

impl Setup<'_> {
    #[cfg(any(feature = "rten", feature = "tract"))]
    fn shape(&self) -> [usize; 4] {
        [self.batch, 3, self.size, self.size]
    }
}

/// Makes logits of a batch of images, `[batch, 3, size, size]`.
type Engine = Box<dyn FnMut(&[f32]) -> Result<Vec<f32>>>;

/// Opens an engine. The text beside it says what it chose by itself.
pub fn open(name: &str, setup: &Setup<'_>) -> Result<(Engine, String)> {
    match name {
        "seesaw" => seesaw(setup),
        #[cfg(feature = "tract")]
        "tract" => tract(setup),
        #[cfg(feature = "rten")]
        "rten" => rten(setup),
        other => bail!("this build has no engine {other}"),
    }
}

/// The project's engine; the model is a file of weights with the net's name. `SEESAW_ISA` chooses
/// the instruction set.
fn seesaw(setup: &Setup<'_>) -> Result<(Engine, String)> {
    let name = setup.model.file_stem().and_then(|stem| stem.to_str());
    let net = seesaw_arch::zoo::net(name.context("the model has no name")?)?;
    let model = seesaw_format::load_model(setup.model, Some(net))?;
    let machine = seesaw_engine::Machine::from_env(setup.threads)?;
    let options = seesaw_engine::Options::new(&model.net).input_size(setup.size).batch(setup.batch);
    let plan = seesaw_engine::compile(&model.net, &model.weights, &options, &machine)?;
    let peak = seesaw_kernels::peak::gflops(machine.token(), machine.team());
    let label = format!("{} peak {peak:.1}", machine.isa());
    let run: Engine = Box::new(move |images| Ok(plan.logits(images)?));
    Ok((run, label))
}

/// tract, which runs on one thread.
#[cfg(feature = "tract")]
fn tract(setup: &Setup<'_>) -> Result<(Engine, String)> {
    use tract_onnx::prelude::{
        DatumType, Framework, InferenceFact, InferenceModelExt, IntoRunnable, Tensor, tvec,
    };

    let shape = setup.shape();
    let model = tract_onnx::onnx().model_for_path(setup.model)?;
    let fact = InferenceFact::dt_shape(DatumType::F32, shape);
    let plan = model.with_input_fact(0, fact)?.into_optimized()?.into_runnable()?;
    let run: Engine = Box::new(move |images| {
        let input = Tensor::from_shape(&shape, images)?;
        let outputs = plan.run(tvec!(input.into()))?;
        Ok(outputs[0].to_plain_array_view::<f32>()?.iter().copied().collect())
    });
    Ok((run, String::new()))
}

/// rten with its weights packed ahead.
#[cfg(feature = "rten")]
fn rten(setup: &Setup<'_>) -> Result<(Engine, String)> {
    use rten_tensor::AsView;

    let shape = setup.shape();
    let model = rten::ModelOptions::with_all_ops().prepack_weights(true).load_file(setup.model)?;
    let pool = std::sync::Arc::new(rten::ThreadPool::with_num_threads(setup.threads));
    let run: Engine = Box::new(move |images| {
        let input = rten_tensor::NdTensorView::from_data(shape, images);
        let options = rten::RunOptions::default().with_thread_pool(Some(pool.clone()));
        let output = model.run_one(input.into(), Some(options))?;
        let logits: rten_tensor::Tensor<f32> =
            output.try_into().ok().context("the output is not f32")?;
        Ok(logits.to_vec())
    });
    Ok((run, String::new()))
}
