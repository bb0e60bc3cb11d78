use super::Metric;

pub(super) static METRICS: &[Metric] = &[];
