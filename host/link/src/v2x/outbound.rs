//! Owns what 2.x's answers say.
//! Must never answer a transaction's message with an error for what it means (PITFALLS 69).

/// `write` and `heartbeat` of a version. Beside them stand `group_kind()`, the kind of a
/// groupIdToken, `plain(&Request)`, `NO_PROFILE`, the answer to needs on which no profile follows,
/// and `pulled(tenths)`, the answer to a dynamic profile's question.
macro_rules! outbound {
    ($version:ident) => {
        use busbar_charging::action::Reply;
        use busbar_charging::fact::station::{Authorization, AuthorizationStatus, Registration};
        use busbar_charging::input::notice::{ChargingReply, Follows};
        use busbar_charging::units::Timestamp;
        use busbar_ocpp::values::Str;
        use busbar_ocpp::$version as wire;

        use crate::adapter::{Answer, Omitted, Terms};
        use crate::words;

        /// Writes the payload that answers a call.
        pub(crate) fn write(
            answer: &Answer,
            reply: &Reply,
            terms: Terms,
        ) -> Result<(String, Omitted), &'static str> {
            match (answer, reply) {
                (Answer::Boot, Reply::Boot { registration, .. }) => {
                    Ok((boot(*registration, terms), None))
                }
                (Answer::Authorize, Reply::Authorized(authorization)) => {
                    let (id_token_info, omitted) = id_token_info(authorization);
                    let answer = wire::AuthorizeResponse { id_token_info, ..Default::default() };
                    Ok((encode(answer), omitted))
                }
                (Answer::Event { token, cost }, Reply::Transaction { .. }) => {
                    Ok(event(*token, *cost, reply))
                }
                (Answer::Event { .. }, Reply::Received) => Ok(("{}".to_owned(), None)),
                (Answer::Needs | Answer::CarSchedule | Answer::Pull, Reply::Received) => {
                    Ok((uncontrolled(answer), None))
                }
                (Answer::Needs, Reply::Charging(ChargingReply::Needs(follows))) => {
                    Ok((needs(*follows), None))
                }
                (Answer::CarSchedule, Reply::Charging(ChargingReply::Schedule { fits })) => {
                    Ok((car_schedule(*fits), None))
                }
                (Answer::Pull, Reply::Charging(ChargingReply::Update { tenths })) => {
                    Ok((pulled(*tenths), None))
                }
                (Answer::Plain(payload), Reply::Received | Reply::Transaction { .. }) => {
                    Ok((payload.to_string(), None))
                }
                _ => Err("the reply does not answer this action"),
            }
        }

        /// The answer to a heartbeat.
        pub(crate) fn heartbeat(now: Timestamp) -> String {
            encode(wire::HeartbeatResponse { current_time: words::time(now), ..Default::default() })
        }

        fn encode(response: impl Into<wire::Response>) -> String {
            response.into().encode()
        }

        /// The answer about smart charging where nobody controls the load: no profile follows, and
        /// what a car chose is within what we ask for, which is nothing.
        fn uncontrolled(answer: &Answer) -> String {
            match answer {
                Answer::Needs => needs(Follows::Not),
                Answer::CarSchedule => car_schedule(true),
                _ => pulled(None),
            }
        }

        fn needs(follows: Follows) -> String {
            let status = match follows {
                Follows::Now => wire::NotifyEVChargingNeedsStatusEnumType::Accepted,
                Follows::Later => wire::NotifyEVChargingNeedsStatusEnumType::Processing,
                Follows::Not => NO_PROFILE,
            };
            encode(wire::NotifyEVChargingNeedsResponse { status, ..Default::default() })
        }

        fn car_schedule(fits: bool) -> String {
            let status = if fits {
                wire::GenericStatusEnumType::Accepted
            } else {
                wire::GenericStatusEnumType::Rejected
            };
            encode(wire::NotifyEVChargingScheduleResponse { status, ..Default::default() })
        }

        fn boot(registration: Registration, terms: Terms) -> String {
            encode(wire::BootNotificationResponse {
                status: match registration {
                    Registration::Accepted => wire::RegistrationStatusEnumType::Accepted,
                    Registration::Pending => wire::RegistrationStatusEnumType::Pending,
                    Registration::Rejected => wire::RegistrationStatusEnumType::Rejected,
                },
                current_time: words::time(terms.now),
                interval: terms.interval(registration == Registration::Accepted),
                ..Default::default()
            })
        }

        fn event(token: bool, has_cost: bool, reply: &Reply) -> (String, Omitted) {
            let Reply::Transaction { authorization, cost, .. } = reply else {
                return ("{}".to_owned(), None);
            };
            let told = authorization.as_ref().filter(|_| token).map(id_token_info);
            let missing = (token && told.is_none()).then_some("no word about the idToken");
            let (id_token_info, omitted) = told.map_or((None, missing), |(i, o)| (Some(i), o));
            let answer = wire::TransactionEventResponse {
                id_token_info,
                total_cost: cost.as_ref().filter(|_| has_cost).and_then(words::amount),
                ..Default::default()
            };
            (encode(answer), omitted)
        }

        fn id_token_info(authorization: &Authorization) -> (wire::IdTokenInfoType, Omitted) {
            let group = authorization.group.as_deref().map(Str::new);
            let omitted = matches!(group, Some(Err(_))).then_some("the group is too long");
            let info = wire::IdTokenInfoType {
                status: status(authorization.status),
                cache_expiry_date_time: authorization.expires.map(words::time),
                group_id_token: group.and_then(Result::ok).map(|id_token| wire::IdTokenType {
                    id_token,
                    r#type: group_kind(),
                    ..Default::default()
                }),
                ..Default::default()
            };
            (info, omitted)
        }

        /// Every status has its own word in 2.x (PITFALLS 36).
        fn status(status: AuthorizationStatus) -> wire::AuthorizationStatusEnumType {
            match status {
                AuthorizationStatus::Accepted => wire::AuthorizationStatusEnumType::Accepted,
                AuthorizationStatus::Blocked => wire::AuthorizationStatusEnumType::Blocked,
                AuthorizationStatus::Expired => wire::AuthorizationStatusEnumType::Expired,
                AuthorizationStatus::Invalid => wire::AuthorizationStatusEnumType::Invalid,
                AuthorizationStatus::ConcurrentTx => {
                    wire::AuthorizationStatusEnumType::ConcurrentTx
                }
                AuthorizationStatus::Unknown => wire::AuthorizationStatusEnumType::Unknown,
                AuthorizationStatus::NotAtThisLocation => {
                    wire::AuthorizationStatusEnumType::NotAtThisLocation
                }
            }
        }
    };
}

pub(crate) use outbound;
