"""One charge, by the stations of the package `ocpp` from PyPI: 1.6, 2.0.1 and 2.1.

Must never be changed to please the host: it is what others wrote, driven by hand.

    python charge.py VERSION ENDPOINT IDENTITY PASSWORD START

START is when the charge began, RFC 3339; every other time is counted from it. Prints one JSON
line when the charge is told, and stays connected until its standard input ends.
"""

import asyncio
import base64
import datetime
import importlib
import json
import sys

import websockets

TOKEN = "04A1B2C3"
PROTOCOLS = {"1.6": "ocpp1.6", "2.0.1": "ocpp2.0.1", "2.1": "ocpp2.1"}


def main():
    version, endpoint, identity, password, start = sys.argv[1:]
    asyncio.run(charge(version, endpoint, identity, password, start))


async def charge(version, endpoint, identity, password, start):
    credentials = base64.b64encode(f"{identity}:{password}".encode()).decode()
    async with websockets.connect(
        f"{endpoint}/{identity}",
        subprotocols=[PROTOCOLS[version]],
        additional_headers={"Authorization": f"Basic {credentials}"},
    ) as socket:
        assert socket.subprotocol == PROTOCOLS[version], socket.subprotocol
        module = "v16" if version == "1.6" else "v201" if version == "2.0.1" else "v21"
        station_class = importlib.import_module(f"ocpp.{module}").ChargePoint
        call = importlib.import_module(f"ocpp.{module}.call")
        station = station_class(identity, socket)
        listening = asyncio.create_task(station.start())
        tell = charge_16 if version == "1.6" else charge_2x
        told = await tell(station, call, clock_from(start))
        print(json.dumps(told), flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
        listening.cancel()


def clock_from(start):
    begin = datetime.datetime.fromisoformat(start)

    def at(minutes):
        time = begin + datetime.timedelta(minutes=minutes)
        return time.astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z")

    return at


async def charge_16(station, call, at):
    boot = await station.call(
        call.BootNotification(charge_point_vendor="Foreign", charge_point_model="Snake")
    )
    assert boot.status == "Accepted", boot
    await station.call(call.Heartbeat())

    async def status(minutes, status, connector=1):
        await station.call(
            call.StatusNotification(
                connector_id=connector,
                error_code="NoError",
                status=status,
                timestamp=at(minutes),
            )
        )

    await status(-5, "Available", 0)
    await status(-5, "Available")
    authorized = await station.call(call.Authorize(id_tag=TOKEN))
    assert authorized.id_tag_info["status"] == "Accepted", authorized
    await status(-1, "Preparing")
    started = await station.call(
        call.StartTransaction(
            connector_id=1, id_tag=TOKEN, meter_start=1000, timestamp=at(0)
        )
    )
    assert started.id_tag_info["status"] == "Accepted", started
    await status(0, "Charging")
    for minutes, energy in [(10, "3500"), (20, "6000")]:
        value = {
            "value": energy,
            "measurand": "Energy.Active.Import.Register",
            "unit": "Wh",
            "context": "Sample.Periodic",
        }
        await station.call(
            call.MeterValues(
                connector_id=1,
                transaction_id=started.transaction_id,
                meter_value=[{"timestamp": at(minutes), "sampled_value": [value]}],
            )
        )
    await status(20, "SuspendedEV")
    stopped = await station.call(
        call.StopTransaction(
            transaction_id=started.transaction_id,
            id_tag=TOKEN,
            meter_stop=6000,
            timestamp=at(30),
            reason="Local",
        )
    )
    assert stopped.id_tag_info["status"] == "Accepted", stopped
    await status(30, "Finishing")
    await status(31, "Available")
    return {"transaction_id": str(started.transaction_id)}


async def charge_2x(station, call, at):
    boot = await station.call(
        call.BootNotification(
            charging_station={"vendor_name": "Foreign", "model": "Snake"},
            reason="PowerUp",
        )
    )
    assert boot.status == "Accepted", boot
    await station.call(call.Heartbeat())

    async def status(minutes, status):
        await station.call(
            call.StatusNotification(
                timestamp=at(minutes),
                connector_status=status,
                evse_id=1,
                connector_id=1,
            )
        )

    await status(-5, "Available")
    id_token = {"id_token": TOKEN, "type": "ISO14443"}
    authorized = await station.call(call.Authorize(id_token=id_token))
    assert authorized.id_token_info["status"] == "Accepted", authorized
    await status(-1, "Occupied")
    sequence = iter(range(10))
    transaction = f"snake-{at(0)}"

    async def event(kind, minutes, trigger, state, energy, context, **more):
        info = {"transaction_id": transaction, "charging_state": state}
        if kind == "Ended":
            info["stopped_reason"] = "Local"
        value = {
            "value": float(energy),
            "measurand": "Energy.Active.Import.Register",
            "context": context,
            "unit_of_measure": {"unit": "Wh"},
        }
        return await station.call(
            call.TransactionEvent(
                event_type=kind,
                timestamp=at(minutes),
                trigger_reason=trigger,
                seq_no=next(sequence),
                transaction_info=info,
                evse={"id": 1, "connector_id": 1},
                meter_value=[{"timestamp": at(minutes), "sampled_value": [value]}],
                **more,
            )
        )

    periodic = "Sample.Periodic"
    started = await event(
        "Started", 0, "Authorized", "Charging", 1000, "Transaction.Begin", id_token=id_token
    )
    assert started.id_token_info["status"] == "Accepted", started
    await event("Updated", 10, "MeterValuePeriodic", "Charging", 3500, periodic)
    await event("Updated", 20, "ChargingStateChanged", "SuspendedEV", 6000, periodic)
    ended = await event(
        "Ended", 30, "StopAuthorized", "EVConnected", 6000, "Transaction.End", id_token=id_token
    )
    assert ended.id_token_info["status"] == "Accepted", ended
    await status(31, "Available")
    return {"transaction_id": transaction, "total_cost": ended.total_cost}


main()
