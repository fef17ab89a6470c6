import { defineStore } from "pinia";

export interface Stage {
  name: string;
  sequence: number;
  is_final: boolean;
}

export interface Lead {
  id: number;
  name: string;
  email: string;
  stage: string;
}

async function ask<Answer>(path: string): Promise<Answer> {
  const response = await fetch(`/api/v1/crm${path}`);
  if (!response.ok) throw new Error(`${response.status} ${response.statusText}`);
  return response.json();
}

export const useLeads = defineStore("crm.leads", {
  state: () => ({ leads: [] as Lead[], stages: [] as Stage[] }),
  getters: {
    at: (state) => (stage: string) => state.leads.filter((lead) => lead.stage === stage),
  },
  actions: {
    async load() {
      [this.leads, this.stages] = await Promise.all([ask<Lead[]>("/leads"), ask<Stage[]>("/stages")]);
    },
  },
});
