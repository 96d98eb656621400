"""Algorithm-neutral EV load-control scenarios: loading, physics, constraint evaluation.

Scenario JSON (schema evload-scenario/1)
  period_s, steps           control period and horizon
  phasors                   {leg name: angle in degrees}
  evses[i]                  id, legs [leg names in connector order], v_leg (V per leg), min_a, max_a, levels|null
  constraints[k]            id, limit (A, number or per-step list), terms [[evse index, leg index, coef]],
                            optional background (A per step, in phase), optional node/parent/phase (tree hint)
      value_k(t) = | sum_s sum_{j<legs_s} coef_{e(s),j} * exp(i*angle(leg j)) * I_s(t) + background_k(t) |  <= limit_k(t)
  sessions[s]               id, evse (index), arrival, departure (steps, [arrival,departure)), est_departure,
                            energy_kwh, legs (phases the car uses), min_a, max_a (car/EVSE/cable minimum of maxima)
  price                     currency/kWh per step;  feed_in optional per step; site_net_kw optional per step (load-PV, kW)
  demand_charge_per_kw      on the scenario's EV(+site) peak
  storage (optional)        kwh, kw, eff (one way), soc0_kwh
Physics: I_s(t) is amps on each of the car's legs (DC: v_leg=1000, legs=1, so 1 "A" = 1 kW);
  power_kw = I * v_leg * legs / 1000 ; a car never draws above its request: draw = min(pilot, remaining).
"""
import json, math, numpy as np

class Scenario:
    def __init__(self, path_or_dict):
        d = path_or_dict if isinstance(path_or_dict, dict) else json.load(open(path_or_dict))
        assert d["schema"] == "evload-scenario/1"
        self.d = d; self.T = d["steps"]; self.dt_h = d["period_s"]/3600.0
        self.evses = d["evses"]; self.sessions = d["sessions"]; self.cons = d["constraints"]
        S, K = len(self.sessions), len(self.cons)
        ang = {k: complex(math.cos(math.radians(v)), math.sin(math.radians(v))) for k, v in d["phasors"].items()}
        by_evse = {}
        for k, c in enumerate(self.cons):
            single = len({round(d["phasors"][self.evses[e]["legs"][j]], 6) for e, j, _ in c["terms"]}) <= 1
            for e, j, co in c["terms"]:   # one-phase constraints are plain sums (background is in phase)
                by_evse.setdefault(e, []).append((k, j, co*(1 if single else ang[self.evses[e]["legs"][j]])))
        r, cidx, v = [], [], []
        for s, x in enumerate(self.sessions):
            acc = {}
            for k, j, z in by_evse.get(x["evse"], []):
                if j < x["legs"]: acc[k] = acc.get(k, 0) + z
            for k, z in acc.items(): r.append(k); cidx.append(s); v.append(z)
        self.G = np.zeros((K, S), complex); np.add.at(self.G, (r, cidx), v)
        self.kw_per_a = np.array([self.evses[x["evse"]]["v_leg"]*x["legs"]/1000.0 for x in self.sessions])
        self.kwh_per_a = self.kw_per_a*self.dt_h
        self.arr = np.array([x["arrival"] for x in self.sessions]); self.dep = np.array([x["departure"] for x in self.sessions])
        self.req = np.array([x["energy_kwh"] for x in self.sessions])
        self.mina = np.array([x["min_a"] for x in self.sessions]); self.maxa = np.array([x["max_a"] for x in self.sessions])
        self.price = np.array(d["price"], float)
        self.limit = np.zeros((K, self.T)); self.bg = np.zeros((K, self.T))
        for k, c in enumerate(self.cons):
            self.limit[k] = c["limit"]
            if c.get("background") is not None: self.bg[k] = c["background"]
        self.net = np.array(d["site_net_kw"], float) if d.get("site_net_kw") is not None else None
        self.feed = np.array(d["feed_in"], float) if d.get("feed_in") is not None else None

    def values(self, R):
        """|constraint| for every constraint and step, R is S x T amps."""
        Z = self.G @ R.astype(complex)
        return np.abs(Z + self.bg)

    def physics(self, pilots):
        """pilot amps -> (drawn amps, kWh) with draw=min(pilot, max_a, remaining), zero outside the stay."""
        S, T = pilots.shape
        draw = np.zeros((S, T)); rem = self.req.copy()
        for t in range(T):
            act = (self.arr <= t) & (t < self.dep)
            a = np.where(act, np.minimum(np.minimum(pilots[:, t], self.maxa), rem/self.kwh_per_a), 0.0)
            a = np.maximum(a, 0); draw[:, t] = a; rem = rem - a*self.kwh_per_a
        return draw, self.req-rem

    def cost(self, draw):
        """(energy cost, EV kW per step, site kW per step)"""
        ev = self.kw_per_a @ draw
        site = ev + (self.net if self.net is not None else 0)
        if self.net is None:
            c = float((ev*self.price).sum()*self.dt_h)
        else:
            fi = self.feed if self.feed is not None else np.zeros(self.T)
            f = lambda p: float((np.maximum(p, 0)*self.price - np.maximum(-p, 0)*fi).sum()*self.dt_h)
            c = f(site)-f(self.net)
        return c, ev, site

def rle_decode(item, S, T): pass
