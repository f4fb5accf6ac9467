"""From a GraphQL document to its answer: schema, cost, plan, execution."""
