//! Many objects.

use schism_history::Value;

use super::{Context, Emitted, Generator, Next, WorkerSet, map, then};

/// One key after another: for each, the generator that `make` makes, with the key put into its invocations.
pub fn sequential_keys<G: Generator + 'static>(
    keys: impl IntoIterator<Item = Value>,
    mut make: impl FnMut(&Value) -> G,
) -> impl Generator {
    then(
        keys.into_iter()
            .map(|key| {
                let inner = make(&key);
                Box::new(with_key(key, inner)) as Box<dyn Generator>
            })
            .collect(),
    )
}

/// Several keys at once: the workers form groups of `group` each; each group takes the next key and, when it is done
/// with it, another one. The last group may be smaller, so that no worker is idle.
pub fn concurrent_keys<G: Generator>(
    group: usize,
    keys: impl IntoIterator<Item = Value> + 'static,
    make: impl FnMut(&Value) -> G,
) -> impl Generator {
    ConcurrentKeys {
        group: group.max(1),
        keys: keys.into_iter(),
        make,
        groups: Vec::new(),
        turn: 0,
    }
}

fn with_key<G: Generator>(key: Value, inner: G) -> impl Generator {
    map(
        move |invocation| super::Invocation {
            key: key.clone(),
            ..invocation
        },
        inner,
    )
}

/// A group's key and what it does with it; `None` when no key is left.
type Group<G> = Option<(Value, G)>;

struct ConcurrentKeys<K, M, G> {
    group: usize,
    keys: K,
    make: M,
    groups: Vec<Group<G>>,
    turn: usize,
}

impl<K: Iterator<Item = Value>, G: Generator, M: FnMut(&Value) -> G> ConcurrentKeys<K, M, G> {
    fn members(&self, group: usize) -> WorkerSet {
        WorkerSet::range(group * self.group, (group + 1) * self.group)
    }

    fn next_key(&mut self) -> Group<G> {
        let key = self.keys.next()?;
        let inner = (self.make)(&key);
        Some((key, inner))
    }

    fn soonest(&mut self, context: &Context<'_>) -> (Option<usize>, Next) {
        let count = context.workers.count().div_ceil(self.group);
        while self.groups.len() < count {
            let next = self.next_key();
            self.groups.push(next);
        }
        let mut best: (Option<usize>, Next) = (None, Next::Done);
        for offset in 0..count {
            let group = (self.turn + offset) % count;
            let context = context.only(self.members(group) & context.workers.all());
            let next = loop {
                let Some((_, inner)) = &mut self.groups[group] else {
                    break Next::Done;
                };
                match inner.ready(&context) {
                    Next::Done => self.groups[group] = self.next_key(),
                    next => break next,
                }
            };
            match (next, best.1) {
                (Next::At(a), Next::At(b)) if a >= b => {}
                (Next::At(_), _) => best = (Some(group), next),
                _ if best.0.is_none() => best.1 = best.1.sooner(next),
                _ => {}
            }
        }
        best
    }
}

impl<K: Iterator<Item = Value>, G: Generator, M: FnMut(&Value) -> G> Generator
    for ConcurrentKeys<K, M, G>
{
    fn ready(&mut self, context: &Context<'_>) -> Next {
        self.soonest(context).1
    }

    fn emit(&mut self, context: &Context<'_>) -> Emitted {
        let group = self
            .soonest(context)
            .0
            .expect("ready said that a group can go on");
        self.turn = group + 1;
        let context = context.only(self.members(group) & context.workers.all());
        let (key, inner) = self.groups[group].as_mut().expect("the group has a key");
        let mut emitted = inner.emit(&context);
        emitted.invocation.key = key.clone();
        emitted
    }

    fn saw(&mut self, context: &Context<'_>, worker: usize, event: &schism_history::Event) {
        let group = worker / self.group;
        let context = context.only(self.members(group));
        if let Some(Some((_, inner))) = self.groups.get_mut(group) {
            inner.saw(&context, worker, event);
        }
    }
}
