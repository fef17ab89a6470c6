import type { RouteRecordRaw } from "vue-router";

const routes: RouteRecordRaw[] = [
  { path: "/crm", name: "Pipeline", component: () => import("../views/Pipeline.vue") },
  { path: "/crm/leads", name: "LeadList", component: () => import("../views/LeadList.vue") },
  { path: "/crm/leads/:id", name: "LeadDetail", component: () => import("../views/LeadDetail.vue") },
];

export default routes;
