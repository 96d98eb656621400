//! Any order of steps and crashes: replies in order, with the right answers, never before their
//! facts are durable; and after every crash the state and the rows that plain replay makes.

use std::collections::BTreeMap;

use busbar_charging::action::{Done, Problem, Reply};
use busbar_charging::fact::Fact;
use busbar_charging::input::{Precondition, Request};
use proptest::prelude::*;

use super::world::{World, put_tariff, put_token, token};

#[derive(Clone, Debug)]
enum Step {
    PutToken(u8, Precondition),
    RemoveToken(u8),
    PutTariff(u8),
    ReadRecall,
    AnswerRecall,
    Commit,
    Acknowledge,
    WriteBehind(usize),
    Pass(i64),
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    let precondition = prop_oneof![
        3 => Just(Precondition::None),
        1 => Just(Precondition::Absent),
        1 => (0..4_u64).prop_map(Precondition::Version),
    ];
    prop_oneof![
        6 => (0..4_u8, precondition).prop_map(|(n, p)| Step::PutToken(n, p)),
        2 => (0..4_u8).prop_map(Step::RemoveToken),
        2 => (0..3_u8).prop_map(Step::PutTariff),
        6 => Just(Step::ReadRecall),
        6 => Just(Step::AnswerRecall),
        5 => Just(Step::Commit),
        5 => Just(Step::Acknowledge),
        2 => (1..5_usize).prop_map(Step::WriteBehind),
        5 => (0..6_i64).prop_map(Step::Pass),
        1 => Just(Step::Crash),
    ]
}

/// What the network answers to requests taken one after the other.
#[derive(Default)]
struct Oracle {
    tokens: BTreeMap<u8, u64>,
    tariffs: BTreeMap<u8, u64>,
    facts: usize,
    /// Request, its answer, and how many facts must be durable before it leaves.
    expected: Vec<(u64, Reply, usize)>,
}

impl Oracle {
    fn ask(&mut self, number: u64, step: &Step) {
        let reply = match *step {
            Step::PutToken(n, precondition) => {
                let version = self.tokens.get(&n).copied();
                let holds = match precondition {
                    Precondition::None => true,
                    Precondition::Absent => version.is_none(),
                    Precondition::Version(wanted) => version == Some(wanted),
                };
                let next = version.unwrap_or(0) + 1;
                if holds {
                    self.tokens.insert(n, next);
                    self.facts += 1;
                    Reply::Done(Done::Version(next))
                } else {
                    Reply::Problem(Problem::Precondition(version))
                }
            }
            Step::RemoveToken(n) => match self.tokens.remove(&n) {
                Some(_) => {
                    self.facts += 1;
                    Reply::Done(Done::Accepted)
                }
                None => Reply::Problem(Problem::NotFound("no such token".into())),
            },
            Step::PutTariff(n) => {
                let version = self.tariffs.entry(n).or_default();
                *version += 1;
                self.facts += 1;
                Reply::Done(Done::Version(*version))
            }
            _ => return,
        };
        self.expected.push((number, reply, self.facts));
    }

    /// Starts again from what is durable.
    fn restart(&mut self, world: &World) {
        *self = Self::default();
        for (_, _, fact) in world.disk.facts() {
            self.facts += 1;
            let number = |text: &str| text[text.len() - 1..].parse::<u8>().unwrap();
            match fact {
                Fact::TokenPut(put) => {
                    self.tokens.insert(number(put.token.value()), put.version);
                }
                Fact::TokenRemoved(removed) => {
                    self.tokens.remove(&number(removed.token.value()));
                }
                Fact::TariffPut(put) => {
                    self.tariffs.insert(number(put.tariff.as_str()), put.version);
                }
                other => panic!("nobody asked for {other:?}"),
            }
        }
    }
}

fn check_replies(world: &World, oracle: &Oracle) -> Result<(), TestCaseError> {
    for (got, wanted) in world.replies.iter().zip(&oracle.expected) {
        prop_assert_eq!(got.0, wanted.0, "out of order");
        prop_assert_eq!(&got.1, &wanted.1);
        prop_assert!(got.2 >= wanted.2, "{} left before its facts were durable", got.0);
    }
    Ok(())
}

fn run(steps: &[Step]) -> Result<(), TestCaseError> {
    let (mut world, mut oracle) = (World::new(), Oracle::default());
    for step in steps {
        // A millisecond each: two tariffs of one instant have no order of their own.
        world.pass(1);
        let request = match *step {
            Step::PutToken(n, precondition) => Some(put_token(n, precondition)),
            Step::RemoveToken(n) => Some(Request::RemoveToken(token(n))),
            Step::PutTariff(n) => Some(put_tariff(n)),
            _ => None,
        };
        if let Some(request) = request {
            let number = world.ask(request);
            oracle.ask(number, step);
        }
        match *step {
            Step::ReadRecall => world.read_recall(),
            Step::AnswerRecall => world.answer_recall(),
            Step::Commit => world.commit(),
            Step::Acknowledge => world.acknowledge(),
            Step::WriteBehind(batches) => world.disk.write_behind(batches),
            Step::Pass(millis) => world.pass(millis),
            Step::Crash => {
                check_replies(&world, &oracle)?;
                world.replies.clear();
                world.crash();
                oracle.restart(&world);
                prop_assert_eq!(world.engine.network(), &world.replayed().network);
            }
            _ => {}
        }
        check_replies(&world, &oracle)?;
    }
    world.settle();
    check_replies(&world, &oracle)?;
    prop_assert_eq!(world.replies.len(), oracle.expected.len(), "every call is answered once");
    let replayed = world.replayed();
    prop_assert_eq!(world.engine.network(), &replayed.network);
    prop_assert_eq!(&world.disk.rows, &replayed.rows);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 400,
        failure_persistence: None,
        ..Default::default()
    })]

    #[test]
    fn any_order_of_steps_and_crashes(steps in prop::collection::vec(step(), 1..200)) {
        run(&steps)?;
    }
}
