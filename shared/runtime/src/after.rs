//! Work that an answer leaves behind: done in the same invocation, after `/response` was accepted
//! and before the next `/next`, so that nobody waits for it and nothing is frozen in the middle.
//!
//! A layer around `lambda_runtime`'s own service can do this: that service's future ends when the
//! Runtime API has taken the response, and the loop asks for the next event only when the layer's
//! future ends.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;

use gatepost_protocol::Millis;
use lambda_runtime::LambdaInvocation;
use tower::Layer;
use tower::Service;
use tracing::Instrument as _;
use tracing::Span;

use crate::clock;

/// Work that an answer leaves behind. It tells nobody what came of it; what it did not do has to be
/// found again by what comes later.
pub type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Time kept free before Lambda's deadline: beyond it the whole environment is thrown away, with the
/// next cold start to pay for.
pub const MARGIN: Duration = Duration::from_millis(500);

/// Where the handler leaves work for the layer, with the span of its invocation. An environment has
/// one event at a time, so one place is enough.
#[derive(Clone, Default)]
pub(crate) struct Slot(Arc<Mutex<Option<(Work, Span)>>>);

impl Slot {
    pub(crate) fn put(&self, work: Work) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((work, Span::current()));
    }

    fn take(&self) -> Option<(Work, Span)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Runs what is in the slot after each response.
pub(crate) struct AfterLayer(pub(crate) Slot);

impl<S> Layer<S> for AfterLayer {
    type Service = AfterService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        AfterService {
            inner,
            slot: self.0.clone(),
        }
    }
}

pub(crate) struct AfterService<S> {
    inner: S,
    slot: Slot,
}

impl<S> Service<LambdaInvocation> for AfterService<S>
where
    S: Service<LambdaInvocation, Response = (), Error = lambda_runtime::Error>,
    S::Future: 'static,
{
    type Response = ();
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<(), Self::Error>>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, invocation: LambdaInvocation) -> Self::Future {
        // Nothing of an invocation that failed on its way may run in another one.
        drop(self.slot.take());
        let deadline = deadline(&invocation.context);
        let slot = self.slot.clone();
        let answered = self.inner.call(invocation);
        Box::pin(async move {
            answered.await?;
            if let Some((work, span)) = slot.take() {
                within(work, deadline).instrument(span).await;
            }
            Ok(())
        })
    }
}

/// When Lambda ends the invocation.
pub(crate) fn deadline(context: &lambda_runtime::Context) -> Millis {
    Millis::try_from(context.deadline).unwrap_or(Millis::MAX)
}

/// The time left.
pub(crate) fn until(deadline: Millis) -> Duration {
    let left = deadline.saturating_sub(clock::now());
    Duration::from_millis(u64::try_from(left).unwrap_or(0))
}

/// Does the work until it is done, panics or comes to the margin before `deadline`. It is over when
/// this is over: a task left running would be frozen in the middle of a request.
pub(crate) async fn within(work: Work, deadline: Millis) {
    let left = until(deadline).saturating_sub(MARGIN);
    // A task of its own, because a panic that comes through the layer ends the process.
    let mut task = tokio::spawn(work.in_current_span());
    match tokio::time::timeout(left, &mut task).await {
        // A panic was logged where it happened.
        Ok(Ok(()) | Err(_)) => {}
        Err(_) => {
            task.abort();
            let _ = task.await;
            tracing::warn!("the work after the answer took until the deadline and was stopped");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    type Seen = Arc<Mutex<Vec<&'static str>>>;

    fn see(seen: &Seen, what: &'static str) {
        seen.lock().unwrap().push(what);
    }

    /// Stands for `lambda_runtime`'s service: a handler that leaves `work`, then the response.
    fn service(
        slot: &Slot,
        seen: &Seen,
        mut work: Option<Work>,
        outcome: Result<(), &'static str>,
    ) -> impl Service<
        LambdaInvocation,
        Response = (),
        Error = lambda_runtime::Error,
        Future = impl Future<Output = Result<(), lambda_runtime::Error>> + 'static,
    > {
        let (slot, seen) = (slot.clone(), Arc::clone(seen));
        lambda_runtime::service_fn(move |_: LambdaInvocation| {
            let (slot, seen, work) = (slot.clone(), Arc::clone(&seen), work.take());
            async move {
                if let Some(work) = work {
                    slot.put(work);
                }
                tokio::task::yield_now().await;
                see(&seen, "response");
                outcome.map_err(lambda_runtime::Error::from)
            }
        })
    }

    fn invocation(deadline: Millis) -> LambdaInvocation {
        let mut context = lambda_runtime::Context::default();
        context.deadline = u64::try_from(deadline).unwrap();
        let (parts, ()) = http::Response::new(()).into_parts();
        LambdaInvocation {
            parts,
            body: Default::default(),
            context,
        }
    }

    fn soon() -> Millis {
        clock::now() + 60_000
    }

    #[tokio::test]
    async fn the_response_goes_before_the_work_and_the_next_event_after_it() {
        let (slot, seen) = (Slot::default(), Seen::default());
        let of_work = Arc::clone(&seen);
        let work: Work = Box::pin(async move {
            tokio::task::yield_now().await;
            see(&of_work, "work");
        });
        let mut service = AfterLayer(slot.clone()).layer(service(&slot, &seen, Some(work), Ok(())));
        service.call(invocation(soon())).await.unwrap();
        see(&seen, "next");
        assert_eq!(*seen.lock().unwrap(), ["response", "work", "next"]);
    }

    #[tokio::test]
    async fn a_panic_ends_the_work_and_not_the_process() {
        let (slot, seen) = (Slot::default(), Seen::default());
        let work: Work = Box::pin(async { panic!("on purpose") });
        let mut service = AfterLayer(slot.clone()).layer(service(&slot, &seen, Some(work), Ok(())));
        service.call(invocation(soon())).await.unwrap();
        service.call(invocation(soon())).await.unwrap();
        assert_eq!(*seen.lock().unwrap(), ["response", "response"]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_work_is_stopped_before_the_deadline() {
        struct SeeDrop(Seen);
        impl Drop for SeeDrop {
            fn drop(&mut self) {
                see(&self.0, "stopped");
            }
        }
        let (slot, seen) = (Slot::default(), Seen::default());
        let guard = SeeDrop(Arc::clone(&seen));
        let work: Work = Box::pin(async move {
            let _guard = guard;
            std::future::pending().await
        });
        let mut service = AfterLayer(slot.clone()).layer(service(&slot, &seen, Some(work), Ok(())));
        let begun = tokio::time::Instant::now();
        service
            .call(invocation(clock::now() + 3_000))
            .await
            .unwrap();
        see(&seen, "next");
        let took = begun.elapsed().as_millis();
        assert!((2_000..=2_600).contains(&took), "{took}");
        assert_eq!(*seen.lock().unwrap(), ["response", "stopped", "next"]);
    }

    #[tokio::test]
    async fn work_of_a_failed_invocation_does_not_run_in_the_next() {
        let (slot, seen) = (Slot::default(), Seen::default());
        let of_work = Arc::clone(&seen);
        let work: Work = Box::pin(async move { see(&of_work, "work") });
        let failing = service(&slot, &seen, Some(work), Err("the Runtime API is gone"));
        let mut failing = AfterLayer(slot.clone()).layer(failing);
        failing.call(invocation(soon())).await.unwrap_err();
        let mut next = AfterLayer(slot.clone()).layer(service(&slot, &seen, None, Ok(())));
        next.call(invocation(soon())).await.unwrap();
        assert_eq!(*seen.lock().unwrap(), ["response", "response"]);
    }
}
