//! A classifier as rust-bert computes it, with the weights' own names.

use std::sync::Arc;

use rust_bert::bert::{BertConfig, BertForSequenceClassification};
use rust_bert::distilbert::{DistilBertConfig, DistilBertModelClassifier};
use rust_bert::roberta::RobertaForSequenceClassification;
use serde::de::DeserializeOwned;
use tch::nn::VarStore;
use tch::{Device, Kind, Tensor};

use super::{Classifier, Network, classes::fold};
use crate::ScoringError;
use crate::batch::Batch;
use crate::manifest::ModelFolder;
use crate::pool::Engine;
use crate::rust_bert_engine::{Precision, fill};
use crate::weights::torch;

/// As they lie on the disk, shared by the workers while each makes its own copy.
#[derive(Clone)]
pub(crate) struct ClassifierWeights {
    classifier: Arc<Classifier>,
    config: Arc<Vec<u8>>,
    safetensors: Arc<Vec<u8>>,
}

impl ClassifierWeights {
    pub(crate) fn read(folder: &ModelFolder, classifier: &Classifier) -> Result<Self, ScoringError> {
        let files = &folder.manifest.files;
        Ok(Self {
            classifier: Arc::new(classifier.clone()),
            config: Arc::new(folder.read(&files.config)?),
            safetensors: Arc::new(folder.read(&files.weights)?),
        })
    }
}

enum Body {
    Bert(BertForSequenceClassification),
    DistilBert(DistilBertModelClassifier),
    Roberta(RobertaForSequenceClassification),
}

/// One copy of the model.
pub(crate) struct ClassifierEngine {
    body: Body,
    classifier: Arc<Classifier>,
    device: Device,
    /// Owns the parameters that `body` uses.
    _parameters: VarStore,
}

impl ClassifierEngine {
    pub(crate) fn load(
        weights: &ClassifierWeights,
        precision: Precision,
        device: Device,
    ) -> Result<Self, ScoringError> {
        let mut parameters = VarStore::new(device);
        let body = body(&parameters, weights)?;
        fill(&parameters, &weights.safetensors)?;
        if precision == Precision::Bf16 {
            parameters.bfloat16();
        }
        parameters.freeze();
        Ok(Self { body, classifier: weights.classifier.clone(), device, _parameters: parameters })
    }

    fn forward(&self, batch: &Batch) -> Result<Vec<f32>, ScoringError> {
        let shape = [batch.rows as i64, batch.width as i64];
        let tensor = |data: &[i64]| Tensor::f_from_slice(data)?.f_view(shape)?.f_to_device(self.device);
        let padded = |(id, mask): (&i64, &i64)| if *mask == 0 { self.classifier.padding } else { *id };
        let ids: Vec<i64> = batch.ids.iter().zip(&batch.mask).map(padded).collect();
        let (ids, mask) = (tensor(&ids).map_err(torch)?, tensor(&batch.mask).map_err(torch)?);
        let outputs = self.logits(&ids, &mask)?.to_kind(Kind::Float).to_device(Device::Cpu).view(-1);
        let outputs = Vec::<f32>::try_from(outputs).map_err(torch)?;
        let classes = &self.classifier.classes;
        Ok(outputs.chunks(classes.len()).flat_map(|row| fold(row, classes)).collect())
    }

    fn logits(&self, ids: &Tensor, mask: &Tensor) -> Result<Tensor, ScoringError> {
        let (ids, mask) = (Some(ids), Some(mask));
        Ok(match &self.body {
            Body::Bert(body) => body.forward_t(ids, mask, None, None, None, false).logits,
            Body::Roberta(body) => body.forward_t(ids, mask, None, None, None, false).logits,
            Body::DistilBert(body) => {
                let output = body.forward_t(ids, mask, None, false);
                output.map_err(|e| ScoringError::Engine(format!("rust-bert could not compute a batch: {e}")))?.logits
            }
        })
    }
}

impl Engine for ClassifierEngine {
    fn outputs(&mut self, batch: &Batch) -> Result<Vec<f32>, ScoringError> {
        let _no_gradients = tch::no_grad_guard();
        self.forward(batch)
    }
}

fn body(parameters: &VarStore, weights: &ClassifierWeights) -> Result<Body, ScoringError> {
    let (root, bytes) = (parameters.root(), &weights.config);
    let made = match weights.classifier.network {
        Network::Bert => BertForSequenceClassification::new(&root, &config::<BertConfig>(bytes)?).map(Body::Bert),
        Network::Roberta => {
            RobertaForSequenceClassification::new(&root, &config::<BertConfig>(bytes)?).map(Body::Roberta)
        }
        Network::DistilBert => {
            DistilBertModelClassifier::new(&root, &config::<DistilBertConfig>(bytes)?).map(Body::DistilBert)
        }
    };
    made.map_err(|e| ScoringError::Model(format!("rust-bert can not make the network of the model's config.json: {e}")))
}

fn config<C: DeserializeOwned>(bytes: &[u8]) -> Result<C, ScoringError> {
    // Training alone reads `tie_weights_`, rust-bert demands it, and not every DistilBERT has it.
    let known: Result<serde_json::Map<String, serde_json::Value>, _> = serde_json::from_slice(bytes);
    known
        .and_then(|mut known| {
            known.entry("tie_weights_").or_insert(true.into());
            serde_json::from_value(known.into())
        })
        .map_err(|e| ScoringError::Model(format!("rust-bert can not read the model's config.json: {e}")))
}
