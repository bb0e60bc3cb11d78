//! A connector whose server does, at each connection, what the test has written down.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use grapevine_sources::{
    SourceError,
    http::Request,
    socket::{Connector, Frame, Socket},
};
use serde_json::Value;

/// What a server does when somebody connects.
pub enum Act {
    Refuse(SourceError),
    Say(Vec<Value>),
    /// And then ends the connection.
    SayAndClose(Vec<Value>),
}

/// The acts, in turn; then nobody is there. Pings are answered.
#[derive(Clone, Default)]
pub struct Wire {
    acts: Arc<Mutex<VecDeque<Act>>>,
    asked: Arc<Mutex<Vec<Request>>>,
    told: Arc<Mutex<Vec<Frame>>>,
}

impl Wire {
    pub fn new(acts: Vec<Act>) -> Self {
        Self { acts: Arc::new(Mutex::new(acts.into())), ..Self::default() }
    }

    /// Who connected, and with what.
    pub fn asked(&self) -> Vec<Request> {
        self.asked.lock().unwrap().clone()
    }

    /// What was sent to the server.
    pub fn told(&self) -> Vec<Frame> {
        self.told.lock().unwrap().clone()
    }
}

struct Line {
    frames: VecDeque<Frame>,
    told: Arc<Mutex<Vec<Frame>>>,
}

#[async_trait]
impl Connector for Wire {
    async fn connect(&self, request: Request) -> Result<Box<dyn Socket>, SourceError> {
        self.asked.lock().unwrap().push(request);
        let text = |frame: Value| Frame::Text(frame.to_string());
        let frames = match self.acts.lock().unwrap().pop_front() {
            Some(Act::Refuse(error)) => return Err(error),
            Some(Act::Say(frames)) => frames.into_iter().map(text).collect(),
            Some(Act::SayAndClose(frames)) => {
                let end = Frame::Closed { code: Some(1001), reason: "restart".into() };
                frames.into_iter().map(text).chain([end]).collect()
            }
            None => return Err(SourceError::Transient("nobody there".into())),
        };
        Ok(Box::new(Line { frames, told: self.told.clone() }))
    }
}

#[async_trait]
impl Socket for Line {
    async fn receive(&mut self) -> Result<Frame, SourceError> {
        match self.frames.pop_front() {
            Some(frame) => Ok(frame),
            None => std::future::pending().await,
        }
    }

    async fn send(&mut self, frame: Frame) -> Result<(), SourceError> {
        if frame == Frame::Beat {
            self.frames.push_back(Frame::Beat);
        }
        self.told.lock().unwrap().push(frame);
        Ok(())
    }
}
