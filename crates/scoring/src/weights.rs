//! Reads a model's weights by the names that rust-bert gives its parameters.
//!
//! A matrix may lie in the file as it is, or in int8 (`train/export_weights.py`): as `X.weight_t`, [inputs, outputs], with
//! a scale for each output in `X.scale`; as rows of an embedding, with a scale for each row. Query, key and value of a layer
//! are then one matrix, and the only type of token is part of the positions.

use safetensors::{Dtype, SafeTensors};
use tch::{Kind, TchError, Tensor};

use crate::ScoringError;

/// In the order in which they lie in one matrix.
const QUERY_KEY_VALUE: [&str; 3] = ["query", "key", "value"];

/// The tensors of a file.
pub(crate) struct File<'f>(SafeTensors<'f>);

impl<'f> File<'f> {
    pub(crate) fn read(bytes: &'f [u8]) -> Result<Self, ScoringError> {
        SafeTensors::deserialize(bytes).map(Self).map_err(|e| wrong(&e.to_string()))
    }

    /// The parameter, in the precision of the file, of fp32 where that is int8.
    pub(crate) fn parameter(&self, name: &str, shape: &[i64]) -> Result<Tensor, ScoringError> {
        let value = self.value(name, shape)?;
        if value.size() != shape {
            return Err(wrong(&format!("{name} is {:?}, expected {shape:?}", value.size())));
        }
        Ok(value)
    }

    fn value(&self, name: &str, shape: &[i64]) -> Result<Tensor, ScoringError> {
        if self.has(name) {
            return self.plain_or_rows(name);
        }
        // As models that began in TensorFlow have it.
        let older = name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta");
        if self.has(&older) {
            return self.tensor(&older);
        }
        let (stem, what) = name.rsplit_once('.').unwrap_or((name, ""));
        if let Some((layer, part)) = stem.split_once("attention.self.")
            && let Some(at) = QUERY_KEY_VALUE.iter().position(|known| *known == part)
        {
            let whole = self.one(&format!("{layer}attention.self.qkv"), what)?;
            let rows = shape.first().copied().unwrap_or_default();
            return whole.f_narrow(0, at as i64 * rows, rows).map_err(torch);
        }
        if stem.ends_with("token_type_embeddings") {
            return Tensor::f_zeros(shape, (Kind::Float, tch::Device::Cpu)).map_err(torch);
        }
        self.one(stem, what)
    }

    fn has(&self, name: &str) -> bool {
        self.0.tensor(name).is_ok()
    }

    /// The weight, from int8, or the bias of one matrix.
    fn one(&self, stem: &str, what: &str) -> Result<Tensor, ScoringError> {
        if what == "weight" && !self.has(&format!("{stem}.weight_t")) {
            return Err(wrong(&format!("there is no {stem}.{what}")));
        }
        if what != "weight" {
            return self.tensor(&format!("{stem}.{what}"));
        }
        let whole = self.tensor(&format!("{stem}.weight_t"))?.to_kind(Kind::Float);
        let scaled = whole.f_mul(&self.tensor(&format!("{stem}.scale"))?).map_err(torch)?;
        Ok(scaled.tr().contiguous())
    }

    fn plain_or_rows(&self, name: &str) -> Result<Tensor, ScoringError> {
        let value = self.tensor(name)?;
        if value.kind() != Kind::Int8 {
            return Ok(value);
        }
        let scale = self.tensor(&name.replace(".weight", ".scale"))?;
        value.to_kind(Kind::Float).f_mul(&scale).map_err(torch)
    }

    fn tensor(&self, name: &str) -> Result<Tensor, ScoringError> {
        let found = self.0.tensor(name).map_err(|e| wrong(&format!("{name}: {e}")))?;
        let shape: Vec<i64> = found.shape().iter().map(|&n| n as i64).collect();
        let kind = match found.dtype() {
            Dtype::F16 => Kind::Half,
            Dtype::BF16 => Kind::BFloat16,
            Dtype::F32 => Kind::Float,
            Dtype::I8 => Kind::Int8,
            other => return Err(wrong(&format!("{name} has the type {other:?}, expected F16, BF16, F32 or I8"))),
        };
        Tensor::f_from_data_size(found.data(), &shape, kind).map_err(torch)
    }
}

fn wrong(what: &str) -> ScoringError {
    ScoringError::Model(format!("the model's weights do not fit its config.json: {what}"))
}

pub(crate) fn torch(error: TchError) -> ScoringError {
    let text = error.to_string();
    ScoringError::Engine(format!("libtorch: {}", text.lines().next().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use safetensors::tensor::{TensorView, serialize};

    use super::*;

    fn numbers(value: &Tensor) -> Vec<f32> {
        Vec::try_from(value.to_kind(Kind::Float).view(-1)).unwrap()
    }

    fn bytes(values: &[f32]) -> Vec<u8> {
        values.iter().flat_map(|value| value.to_le_bytes()).collect()
    }

    /// Width 1, so that query, key and value are a column each.
    fn file() -> Vec<u8> {
        let (scale, whole, rows) = (bytes(&[0.5, 2.0, 1.0]), [10u8, 20, 250], bytes(&[0.5, 0.25]));
        let table = [2u8, 4, 8, 252];
        let views = HashMap::from([
            ("l.attention.self.qkv.weight_t", TensorView::new(Dtype::I8, vec![1, 3], &whole).unwrap()),
            ("l.attention.self.qkv.scale", TensorView::new(Dtype::F32, vec![3], &scale).unwrap()),
            ("words.weight", TensorView::new(Dtype::I8, vec![2, 2], &table).unwrap()),
            ("words.scale", TensorView::new(Dtype::F32, vec![2, 1], &rows).unwrap()),
        ]);
        serialize(views, None).unwrap()
    }

    #[test]
    fn int8_comes_out_as_what_it_stands_for() {
        let bytes = file();
        let file = File::read(&bytes).unwrap();
        let of = |name: &str, shape: &[i64]| numbers(&file.parameter(name, shape).unwrap());
        assert_eq!(of("l.attention.self.key.weight", &[1, 1]), [40.0]);
        assert_eq!(of("l.attention.self.value.weight", &[1, 1]), [-6.0]);
        assert_eq!(of("words.weight", &[2, 2]), [1.0, 2.0, 2.0, -1.0]);
        assert_eq!(of("token_type_embeddings.weight", &[2, 2]), [0.0; 4]);
    }

    #[test]
    fn what_is_missing_or_of_another_shape_is_named() {
        let bytes = file();
        let file = File::read(&bytes).unwrap();
        let error = |name: &str, shape: &[i64]| file.parameter(name, shape).unwrap_err().to_string();
        assert!(error("words.weight", &[3, 2]).contains("words.weight is [2, 2], expected [3, 2]"));
        assert!(error("l.output.dense.weight", &[1, 1]).contains("there is no l.output.dense.weight"));
    }
}
