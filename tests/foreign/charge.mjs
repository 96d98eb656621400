// One charge, by the stations of the package `ocpp-rpc` from npm, which checks every message of
// both sides against the schemas: 1.6 and 2.0.1. Must never be changed to please the host.
//
//     node charge.mjs VERSION ENDPOINT IDENTITY PASSWORD START
//
// As charge.py: prints one JSON line when the charge is told, and stays connected until its
// standard input ends. Modules come from the folder in OCPP_RPC.

import { createRequire } from "node:module";

const { RPCClient } = createRequire(`${process.env.OCPP_RPC}/`)("ocpp-rpc");
const [version, endpoint, identity, password, start] = process.argv.slice(2);
const protocol = { "1.6": "ocpp1.6", "2.0.1": "ocpp2.0.1" }[version];
const TOKEN = "04A1B2C3";

const at = (minutes) => new Date(Date.parse(start) + minutes * 60_000).toISOString();

function expect(is, wanted, told) {
  if (is !== wanted) throw new Error(`${is}, not ${wanted}: ${JSON.stringify(told)}`);
}

async function charge16(station) {
  const boot = { chargePointVendor: "Foreign", chargePointModel: "Node" };
  const booted = await station.call("BootNotification", boot);
  expect(booted.status, "Accepted", booted);
  await station.call("Heartbeat", {});
  const status = (minutes, status, connectorId = 1) =>
    station.call("StatusNotification", {
      connectorId,
      errorCode: "NoError",
      status,
      timestamp: at(minutes),
    });
  await status(-5, "Available", 0);
  await status(-5, "Available");
  const authorized = await station.call("Authorize", { idTag: TOKEN });
  expect(authorized.idTagInfo.status, "Accepted", authorized);
  await status(-1, "Preparing");
  const started = await station.call("StartTransaction", {
    connectorId: 1,
    idTag: TOKEN,
    meterStart: 1000,
    timestamp: at(0),
  });
  expect(started.idTagInfo.status, "Accepted", started);
  const transactionId = started.transactionId;
  await status(0, "Charging");
  for (const [minutes, value] of [[10, "3500"], [20, "6000"]]) {
    await station.call("MeterValues", {
      connectorId: 1,
      transactionId,
      meterValue: [{ timestamp: at(minutes), sampledValue: [{ value }] }],
    });
  }
  await status(20, "SuspendedEV");
  await station.call("StopTransaction", {
    transactionId,
    idTag: TOKEN,
    meterStop: 6000,
    timestamp: at(30),
    reason: "Local",
  });
  await status(30, "Finishing");
  await status(31, "Available");
  return { transaction_id: String(transactionId) };
}

async function charge201(station) {
  const boot = {
    chargingStation: { vendorName: "Foreign", model: "Node" },
    reason: "PowerUp",
  };
  const booted = await station.call("BootNotification", boot);
  expect(booted.status, "Accepted", booted);
  await station.call("Heartbeat", {});
  const status = (minutes, connectorStatus) =>
    station.call("StatusNotification", {
      timestamp: at(minutes),
      connectorStatus,
      evseId: 1,
      connectorId: 1,
    });
  await status(-5, "Available");
  const idToken = { idToken: TOKEN, type: "ISO14443" };
  const authorized = await station.call("Authorize", { idToken });
  expect(authorized.idTokenInfo.status, "Accepted", authorized);
  await status(-1, "Occupied");
  const transactionId = `node-${at(0)}`;
  let seqNo = 0;
  const event = (eventType, minutes, triggerReason, chargingState, value, context, more = {}) =>
    station.call("TransactionEvent", {
      eventType,
      timestamp: at(minutes),
      triggerReason,
      seqNo: seqNo++,
      transactionInfo: {
        transactionId,
        chargingState,
        ...(eventType === "Ended" ? { stoppedReason: "Local" } : {}),
      },
      evse: { id: 1, connectorId: 1 },
      meterValue: [{ timestamp: at(minutes), sampledValue: [{ value, context }] }],
      ...more,
    });
  const begin = "Transaction.Begin";
  const started = await event("Started", 0, "Authorized", "Charging", 1000, begin, { idToken });
  expect(started.idTokenInfo.status, "Accepted", started);
  await event("Updated", 10, "MeterValuePeriodic", "Charging", 3500, "Sample.Periodic");
  await event("Updated", 20, "ChargingStateChanged", "SuspendedEV", 6000, "Sample.Periodic");
  const end = "Transaction.End";
  const ended = await event("Ended", 30, "StopAuthorized", "EVConnected", 6000, end, { idToken });
  expect(ended.idTokenInfo.status, "Accepted", ended);
  await status(31, "Available");
  return { transaction_id: transactionId, total_cost: ended.totalCost };
}

const station = new RPCClient({
  endpoint,
  identity,
  password,
  protocols: [protocol],
  strictMode: true,
  reconnect: false,
});
await station.connect();
const told = await (version === "1.6" ? charge16 : charge201)(station);
console.log(JSON.stringify(told));
for await (const _ of process.stdin);
await station.close();
