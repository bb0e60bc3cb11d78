//! A scripted platform that calls: what it sends, what it is answered, what it sends again.

use std::{net::SocketAddr, sync::Arc};

use parking_lot::Mutex;
use tokio::sync::oneshot::error::TryRecvError;

use super::{Scripted, shape::Shape};
use crate::{
    SourceError,
    http::Request,
    push::{Answered, Delivery, Hooks, Inbox, Slot},
    registry::{Arrival, Clock},
};

/// What a test does to deliveries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Twist {
    #[default]
    None,
    Twice,
    /// What is about a newer post comes first; what is about one post stays in order.
    Reversed,
    /// The body is another than the one that was signed.
    Forged,
    /// Only the deletions, of posts that nobody has heard of.
    OnlyDeletions,
}

/// What waits to be answered.
#[derive(Default)]
pub(super) struct Calls {
    pub(super) twist: Twist,
    slot: Option<Slot>,
    told: usize,
    due: Vec<Due>,
    /// What each answer said.
    pub(super) statuses: Vec<u16>,
}

struct Due {
    request: Request,
    answered: Option<Answered>,
}

impl Calls {
    pub(super) fn is_done(&self) -> bool {
        self.due.is_empty()
    }

    /// Sends what is not under way, as far as there is room.
    fn send(&mut self, shape: &dyn Shape, now: jiff::Timestamp) -> bool {
        let (Some(slot), is_forged) = (&self.slot, self.twist == Twist::Forged) else { return false };
        let mut has_sent = false;
        for due in self.due.iter_mut().filter(|due| due.answered.is_none()) {
            let request = shape.signed(due.request.clone(), now);
            let request = if is_forged { forged(request) } else { request };
            let (method, query) = (request.method, request.url.query().unwrap_or_default());
            let body = request.body.unwrap_or_default();
            let (delivery, answered) = Delivery::new(method, query, request.headers, body, now);
            if slot.put(delivery).is_err() {
                break;
            }
            (due.answered, has_sent) = (Some(answered), true);
        }
        has_sent
    }

    /// Takes the answers. What was not answered 2xx is sent again.
    pub(super) fn collect(&mut self) {
        let (statuses, is_forged) = (&mut self.statuses, self.twist == Twist::Forged);
        self.due.retain_mut(|due| {
            let Some(answered) = &mut due.answered else { return true };
            let status = match answered.try_recv() {
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Closed) => 503,
                Ok(reply) => reply.status,
            };
            statuses.push(status);
            due.answered = None;
            // Nobody sends a forgery again.
            !(200..300).contains(&status) && !is_forged
        });
    }
}

fn due(request: Request) -> Due {
    Due { request, answered: None }
}

fn forged(mut request: Request) -> Request {
    request.body.get_or_insert_default().push(b' ');
    request
}

impl Scripted {
    /// The platform calls with what is new, and with what was not taken.
    pub(super) fn call(&self) {
        let Some(shape) = self.shape().filter(|shape| shape.traits().arrival == Arrival::Pushed) else { return };
        let moment = self.moment();
        let view = moment.view();
        let mut calls = self.calls();
        let twist = calls.twist;
        let mut new: Vec<(u64, Vec<Request>)> = Vec::new();
        for happened in view.changes.iter().skip(calls.told) {
            let is_deletion = matches!(happened.change, super::story::Change::Deleted(_));
            if twist == Twist::OnlyDeletions && !is_deletion {
                continue;
            }
            let n = happened.change.posts().first().map_or(0, |post| post.n);
            new.push((n, shape.deliveries(&happened.change, &view)));
        }
        calls.told = view.changes.len().max(calls.told);
        if twist == Twist::Reversed {
            new.sort_by_key(|(n, _)| std::cmp::Reverse(*n));
        }
        for request in new.into_iter().flat_map(|(_, requests)| requests) {
            if twist == Twist::Twice {
                calls.due.push(due(request.clone()));
            }
            calls.due.push(due(request));
        }
        let has_sent = calls.send(&*shape, self.clock().now());
        drop(calls);
        if has_sent {
            self.was_asked();
        }
    }
}

/// Where a source opens its inbox.
pub(super) struct ScriptedHooks(pub(super) Arc<Mutex<Calls>>);

impl Hooks for ScriptedHooks {
    fn open(&self, listen: SocketAddr, _: &str) -> Result<Inbox, SourceError> {
        let (slot, inbox) = Inbox::new(listen);
        self.0.lock().slot = Some(slot);
        Ok(inbox)
    }
}
