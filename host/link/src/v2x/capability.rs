//! Owns how 2.x is asked what it can do with charging profiles. Must never judge what it says.

/// `ask` and `values` of a version.
macro_rules! capability {
    ($version:ident) => {
        use busbar_ocpp::Leniency;
        use busbar_ocpp::values::{List, Str};
        use busbar_ocpp::$version as wire;

        use crate::profile::Message;

        /// GetVariables of the component that holds them.
        pub(crate) fn ask(variables: &[&str]) -> Message {
            let data = variables.iter().map(|name| wire::GetVariableDataType {
                component: wire::ComponentType {
                    name: Str::cut("SmartChargingCtrlr"),
                    ..Default::default()
                },
                variable: wire::VariableType { name: Str::cut(name), ..Default::default() },
                ..Default::default()
            });
            let request = wire::GetVariablesRequest {
                get_variable_data: List::new(data.collect()).unwrap_or_default(),
                ..Default::default()
            };
            Message { action: "GetVariables", payload: wire::Request::from(request).encode() }
        }

        /// Variables and their values, of those that the station knows.
        pub(crate) fn values(response: &str) -> Result<Vec<(String, String)>, String> {
            let decoded = wire::Response::decode("GetVariables", response, Leniency::Tolerant);
            let wire::Response::GetVariables(answer) =
                decoded.map_err(|fault| fault.description)?.message
            else {
                return Err("another answer".to_owned());
            };
            let known = answer.get_variable_result.iter().filter_map(|result| {
                let accepted = result.attribute_status == wire::GetVariableStatusEnumType::Accepted;
                let value = result.attribute_value.as_ref().filter(|_| accepted)?;
                Some((result.variable.name.as_str().to_owned(), value.as_str().to_owned()))
            });
            Ok(known.collect())
        }
    };
}

pub(crate) use capability;
